/**
 * A member of a share group (KIP-932). Heartbeats join it, keep it alive and tell it which partitions to read. Several members read the same
 * partition, so nothing is handed over: a new assignment counts at once.
 */
import { shareGroupHeartbeat } from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { Cluster } from "../cluster.ts";
import { BrokerError, ClosedError, isRetriable } from "../errors.ts";
import { Heart } from "../group/heart.ts";
import { byTopicId, type PartitionsByTopicId, unknownIds } from "../group/topic-ids.ts";
import type { Role } from "../transport/brokers.ts";
import type { Connection } from "../transport/connection.ts";

const NOTHING: PartitionsByTopicId = new Map();
const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
const LEAVE_TIMEOUT_MS = 5_000;

export class ShareMember {
  readonly groupId: string;
  readonly memberId: string;
  readonly #cluster: Cluster;
  readonly #role: Role;
  readonly #rackId: string;
  /** Called when the assignment changed or `advance` has something to throw. */
  readonly #onNews: () => void;
  readonly #abort = new AbortController();
  #epoch = -1;
  #topics: readonly string[] | null = null;
  #toldTopics: readonly string[] | null = null;
  #assignment: PartitionsByTopicId = NOTHING;
  #heart: Heart | null = null;
  #failure: Error | null = null;

  constructor(cluster: Cluster, groupId: string, role: Role, rackId: string, onNews: () => void) {
    this.groupId = groupId;
    this.memberId = cluster.options.random.bytes(16).toString("base64url");
    this.#cluster = cluster;
    this.#role = role;
    this.#rackId = rackId;
    this.#onNews = onNews;
  }

  get assignment(): PartitionsByTopicId {
    return this.#assignment;
  }

  /** −1 outside of the group. */
  get epoch(): number {
    return this.#epoch;
  }

  subscribe(topics: readonly string[]): void {
    this.#topics = [...new Set(topics)].sort();
    this.#heart?.beatNow();
    this.#onNews();
  }

  /** Joins if that is due. @throws what ended the membership for good, once */
  advance(): void {
    const failure = this.#failure;
    if (failure !== null) {
      this.#failure = null;
      throw failure;
    }
    if (this.#heart !== null || this.#topics === null) return;
    this.#epoch = JOIN_EPOCH;
    this.#toldTopics = null;
    this.#heart = new Heart({
      cluster: this.#cluster,
      groupId: this.groupId,
      role: this.#role,
      beat: (connection, signal) => this.#beat(connection, signal),
      onError: (error) => this.#onHeartbeatFailed(error),
    });
  }

  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(new ClosedError("the member"));
    const isMember = this.#epoch >= 0;
    this.#heart?.stop();
    this.#epoch = -1;
    this.#assignment = NOTHING;
    if (isMember) await this.#leave().catch(() => {});
    await this.#cluster.brokers.release(this.#role);
  }

  async #beat(connection: Connection, signal: AbortSignal): Promise<number> {
    const topics = this.#topics;
    const isFull = this.#toldTopics === null;
    const isNew = this.#toldTopics !== topics;
    this.#toldTopics = null;
    const answer = await connection.request(
      shareGroupHeartbeat,
      {
        groupId: this.groupId,
        memberId: this.memberId,
        memberEpoch: this.#epoch,
        rackId: isFull ? this.#rackId || null : null,
        subscribedTopicNames: isNew ? topics : null,
      },
      { signal },
    );
    throwIfError(answer.errorCode, `heartbeat in group ${this.groupId}`, answer.errorMessage);
    this.#toldTopics = topics;
    this.#epoch = answer.memberEpoch;
    if (answer.assignment !== null) {
      const assignment = byTopicId(answer.assignment.topicPartitions);
      const unknown = unknownIds(assignment, this.#cluster.metadata);
      if (unknown.length > 0) {
        // A name that is not there yet is asked for again with the next assignment or heartbeat.
        await this.#cluster.metadata.learnNames(unknown, signal);
        if (unknownIds(assignment, this.#cluster.metadata).length > 0) this.#toldTopics = null;
      }
      this.#assignment = assignment;
      this.#onNews();
    }
    return answer.heartbeatIntervalMs;
  }

  #onHeartbeatFailed(error: unknown): boolean {
    const name = error instanceof BrokerError ? error.error : "";
    const isFenced = name === "FENCED_MEMBER_EPOCH" || name === "UNKNOWN_MEMBER_ID";
    if (!isFenced && isRetriable(error)) return true;
    this.#epoch = -1;
    this.#assignment = NOTHING;
    this.#heart = null;
    if (!isFenced) {
      this.#topics = null;
      this.#failure = error as Error;
    }
    this.#onNews();
    return false;
  }

  async #leave(): Promise<void> {
    const connection = await this.#cluster.coordinator("group", this.groupId, this.#role);
    await connection.request(
      shareGroupHeartbeat,
      { groupId: this.groupId, memberId: this.memberId, memberEpoch: LEAVE_EPOCH },
      { timeoutMs: LEAVE_TIMEOUT_MS },
    );
  }
}
