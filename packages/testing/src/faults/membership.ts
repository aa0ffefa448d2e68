import {
  errorName,
  findCoordinator,
  heartbeat,
  joinGroup,
  offsetFetch,
  syncGroup,
} from "@ottla/protocol";
import type { WireConnection } from "../wire/connection.ts";

export interface MembershipOptions {
  readonly group: string;
  readonly topic: string;
  readonly partitionCount: number;
  readonly sessionTimeoutMs: number;
  /** Told of an error that no member should ever get. */
  readonly unexpected: (what: string) => void;
}

const NOBODY = "";

/** One application's place in a classic group whose members share the partitions of a topic by turns. */
export class Membership {
  readonly group: string;
  readonly #options: MembershipOptions;
  #memberId = NOBODY;
  #generation = -1;

  constructor(options: MembershipOptions) {
    this.group = options.group;
    this.#options = options;
  }

  /** What a request says of the member. */
  get identity() {
    return { groupId: this.group, generationId: this.#generation, memberId: this.#memberId };
  }

  /** As after a death without goodbye: the group keeps the member until its session is over. */
  forget(): void {
    this.#memberId = NOBODY;
    this.#generation = -1;
  }

  /** Becomes a member and gives the partitions that are its own; null when it has to be tried again. */
  async join(connection: WireConnection): Promise<number[] | null> {
    const found = await connection.request(findCoordinator, 3, { key: this.group, keyType: 0 });
    if (found.errorCode !== 0) return null;
    const joined = await connection.request(joinGroup, 5, {
      groupId: this.group,
      sessionTimeoutMs: this.#options.sessionTimeoutMs,
      rebalanceTimeoutMs: this.#options.sessionTimeoutMs,
      memberId: this.#memberId,
      protocolType: "fault-test",
      protocols: [{ name: "by-turns", metadata: Buffer.alloc(0) }],
    });
    if (errorName(joined.errorCode) === "MEMBER_ID_REQUIRED") this.#memberId = joined.memberId;
    if (!this.isStillMember(joined.errorCode)) return null;
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const members = joined.members.map(({ memberId }) => memberId).sort();
    const assignments = members.map((memberId, turn) => ({
      memberId,
      assignment: this.#turns(turn, members.length),
    }));
    const synced = await connection.request(syncGroup, 3, { ...this.identity, assignments });
    return this.isStillMember(synced.errorCode) ? Array.from(synced.assignment) : null;
  }

  /** What the group has committed for these partitions, null for nothing; null altogether when it has to be asked again. */
  async committed(
    connection: WireConnection,
    partitionIndexes: readonly number[],
  ): Promise<Map<number, number | null> | null> {
    if (partitionIndexes.length === 0) return new Map();
    const fetched = await connection.request(offsetFetch, 7, {
      groupId: this.group,
      topics: [{ name: this.#options.topic, partitionIndexes }],
      requireStable: true,
    });
    const partitions = fetched.topics[0]?.partitions ?? [];
    if (fetched.errorCode !== 0 || partitions.some(({ errorCode }) => errorCode !== 0)) return null;
    return new Map(
      partitions.map(({ partitionIndex, committedOffset }) => [
        partitionIndex,
        committedOffset < 0 ? null : committedOffset,
      ]),
    );
  }

  /** Tells the group that it is alive; false when it has to join again. */
  async heartbeat(connection: WireConnection): Promise<boolean> {
    const { errorCode } = await connection.request(heartbeat, 3, this.identity);
    return this.isStillMember(errorCode);
  }

  /** Takes an answer of the group for what it means to a member. */
  isStillMember(errorCode: number): boolean {
    const error = errorName(errorCode);
    if (error === "UNKNOWN_MEMBER_ID") this.#memberId = NOBODY;
    if (error !== "NONE" && !KNOWN_ERRORS.has(error)) {
      this.#options.unexpected(`${error} in the group ${this.group}`);
    }
    return error === "NONE";
  }

  #turns(turn: number, count: number): Buffer {
    const all = Array.from({ length: this.#options.partitionCount }, (_, index) => index);
    return Buffer.from(all.filter((partition) => partition % count === turn));
  }
}

const KNOWN_ERRORS = new Set([
  "MEMBER_ID_REQUIRED",
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
  "REBALANCE_IN_PROGRESS",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "UNKNOWN_TOPIC_OR_PARTITION",
]);
