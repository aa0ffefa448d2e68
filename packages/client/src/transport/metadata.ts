/**
 * What is known of the cluster: brokers, topics, leaders. Topics are learnt when first asked for and asked for again when they grew old
 * or a broker said that a leader is not one. One refresh is in flight at a time; whoever needs more waits for the next one, which asks
 * for all of it together. An error of one topic or partition is kept with that topic or partition and fails nothing else.
 */
import { metadata as metadataApi, type ResponseOf } from "@ottla/protocol";
import { brokerError, throwIfError } from "../broker-error.ts";
import { BrokerError, ClosedError, isRetriable } from "../errors.ts";
import type { ResolvedOptions } from "../options.ts";
import type { BrokerAddress, Brokers } from "./brokers.ts";
import { untilAborted } from "./brokers.ts";

export interface PartitionMetadata {
  readonly partition: number;
  /** The broker to ask, or −1 while there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly offlineReplicas: readonly number[];
  readonly errorCode: number;
}

export interface TopicMetadata {
  readonly name: string;
  /** All zeros (`AAAAAAAAAAAAAAAAAAAAAA`) on brokers without topic ids. */
  readonly topicId: string;
  readonly isInternal: boolean;
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionMetadata[];
}

export interface NewLeader {
  readonly leader: number;
  readonly leaderEpoch: number;
}

const REBOOTSTRAP_REQUIRED = 129;
const LOOK_UP_BY_ID_VERSION = 12;
const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

interface Known {
  topic: MutableTopic | null;
  errorCode: number;
  updatedAtMs: number;
}

interface MutableTopic extends TopicMetadata {
  readonly partitions: PartitionMetadata[];
}

export class Metadata {
  readonly #options: ResolvedOptions;
  readonly #brokers: Brokers;
  readonly #topics = new Map<string, Known>();
  readonly #namesById = new Map<string, string>();
  #wanted = new Set<string>();
  #refreshing: Promise<void> | null = null;
  #queued: Promise<void> | null = null;
  #isClosed = false;
  /** Topics that may be created by asking for them. */
  readonly #creatable = new Set<string>();
  clusterId: string | null = null;
  controllerId = -1;
  /** Counts refreshes and changes of leaders. */
  version = 0;

  constructor(options: ResolvedOptions, brokers: Brokers) {
    this.#options = options;
    this.#brokers = brokers;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** The topic if it is known and not too old, without waiting. */
  cached(name: string): TopicMetadata | null {
    const known = this.#topics.get(name);
    if (known?.topic == null) return null;
    const ageMs = this.#options.clock.monotonic() - known.updatedAtMs;
    if (ageMs > this.#options.metadataMaxAgeMs) this.#refreshLater(name);
    return known.topic;
  }

  /** The last error code about a topic: UNKNOWN_TOPIC_OR_PARTITION for one never heard of. */
  errorOf(name: string): number {
    return this.#topics.get(name)?.errorCode || 3;
  }

  /** The name behind a topic id, if it was ever seen. */
  nameOf(topicId: string): string | null {
    return this.#namesById.get(topicId) ?? null;
  }

  /** Lets the broker create a topic that does not exist when it is asked for, if the broker is set up to do so. */
  allowCreation(name: string): void {
    this.#creatable.add(name);
  }

  /**
   * The topic, asked for if need be, once: no retries.
   * @throws {BrokerError} such as UNKNOWN_TOPIC_OR_PARTITION, which is retriable: the topic may be about to exist
   */
  async topic(name: string, signal?: AbortSignal): Promise<TopicMetadata> {
    const known = this.cached(name);
    if (known !== null) return known;
    await this.refresh([name], signal);
    const entry = this.#topics.get(name);
    if (entry?.topic == null) {
      throw brokerError(entry?.errorCode || 3, `topic ${name}`);
    }
    return entry.topic;
  }

  /** Asks for `names` and everything else known that has to be asked for again. */
  refresh(names: Iterable<string>, signal?: AbortSignal): Promise<void> {
    for (const name of names) this.#wanted.add(name);
    const next = this.#refreshing === null ? this.#startRefresh() : this.#queueRefresh();
    return signal === undefined ? next : untilAborted(next, signal);
  }

  /** Asks for topics by id, so that {@link nameOf} knows them. Those that do not exist are left out. */
  async learnNames(topicIds: readonly string[], signal?: AbortSignal): Promise<void> {
    const connection = await this.#brokers.any(signal);
    const topics = topicIds.map((topicId) => ({ topicId, name: null }));
    this.#apply(
      await connection.request(
        metadataApi,
        { topics, allowAutoTopicCreation: false },
        { min: LOOK_UP_BY_ID_VERSION, signal },
      ),
    );
  }

  /** Names of all topics that match and are not internal, sorted; what is answered about those is kept. */
  async matching(
    matches: (name: string) => boolean,
    signal?: AbortSignal,
  ): Promise<readonly string[]> {
    const connection = await this.#brokers.any(signal);
    const isNullAll = connection.versions.pick(metadataApi) >= 1;
    const response = await connection.request(
      metadataApi,
      { topics: isNullAll ? null : [], allowAutoTopicCreation: false },
      { signal },
    );
    throwIfError(response.errorCode, "Metadata");
    const topics = response.topics.filter(
      ({ name, isInternal }) => name !== null && !isInternal && matches(name),
    );
    this.#apply({ ...response, topics });
    return topics
      .filter(({ errorCode }) => errorCode === 0)
      .map(({ name }) => name!)
      .sort();
  }

  /** Marks a topic as wrong: the next look asks the cluster again. */
  invalidate(name: string): void {
    const known = this.#topics.get(name);
    if (known !== undefined) known.updatedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Forgets a topic, for one that was deleted. */
  forget(name: string): void {
    this.#topics.delete(name);
  }

  /** Applies what an error answer said about the leader (KIP-951). True when that was news. */
  applyLeader(
    name: string,
    partition: number,
    leader: NewLeader,
    endpoints: readonly BrokerAddress[],
  ): boolean {
    const topic = this.#topics.get(name)?.topic;
    const current = topic?.partitions[partition];
    if (topic == null || current === undefined || leader.leader < 0) return false;
    if (leader.leaderEpoch <= current.leaderEpoch) return false;
    for (const endpoint of endpoints) this.#brokers.learn(endpoint);
    if (!this.#brokers.has(leader.leader)) return false;
    topic.partitions[partition] = { ...current, ...leader, errorCode: 0 };
    this.version++;
    return true;
  }

  #refreshLater(name: string): void {
    if (this.#refreshing === null && !this.#isClosed) this.refresh([name]).catch(() => {});
  }

  #startRefresh(): Promise<void> {
    const run = this.#refreshOnce().finally(() => {
      this.#refreshing = null;
    });
    this.#refreshing = run;
    return run;
  }

  #queueRefresh(): Promise<void> {
    this.#queued ??= this.#refreshing!.catch(() => {}).then(() => {
      this.#queued = null;
      return this.#startRefresh();
    });
    return this.#queued;
  }

  async #refreshOnce(): Promise<void> {
    if (this.#isClosed) throw new ClosedError("the client");
    const names = this.#wanted;
    this.#wanted = new Set();
    const tooOld = this.#options.clock.monotonic() - this.#options.metadataMaxAgeMs;
    for (const [name, known] of this.#topics) {
      if (known.updatedAtMs >= tooOld) continue;
      if (known.topic !== null) names.add(name);
      else this.#topics.delete(name);
    }
    try {
      const all = [...names];
      const creatable = all.filter((name) => this.#creatable.has(name));
      if (creatable.length < all.length || creatable.length === 0) {
        const others = all.filter((name) => !this.#creatable.has(name));
        this.#apply(await this.#ask(others, false));
      }
      if (creatable.length > 0) this.#apply(await this.#ask(creatable, true));
    } catch (error) {
      for (const name of names) this.#wanted.add(name);
      throw error;
    }
  }

  async #ask(
    names: readonly string[],
    allowAutoTopicCreation: boolean,
  ): Promise<ResponseOf<typeof metadataApi>> {
    const connection = await this.#brokers.any();
    const response = await connection.request(metadataApi, {
      topics: names.map((name) => ({ name })),
      allowAutoTopicCreation,
    });
    if (response.errorCode === REBOOTSTRAP_REQUIRED) this.#brokers.rebootstrap();
    throwIfError(response.errorCode, "Metadata");
    return response;
  }

  #apply(response: ResponseOf<typeof metadataApi>): void {
    this.clusterId = response.clusterId;
    this.controllerId = response.controllerId;
    if (response.brokers.length > 0) {
      this.#brokers.update(response.brokers);
      this.#brokers.closeBootstrap();
    }
    const now = this.#options.clock.monotonic();
    for (const topic of response.topics) {
      if (topic.name === null) continue;
      const known = this.#topics.get(topic.name) ?? { topic: null, errorCode: 0, updatedAtMs: 0 };
      known.errorCode = topic.errorCode;
      known.updatedAtMs = now;
      if (topic.errorCode === 0) {
        known.topic = merge(known.topic, topic.name, topic);
        if (topic.topicId !== ZERO_UUID) this.#namesById.set(topic.topicId, topic.name);
      } else if (!isRetriable(brokerError(topic.errorCode, topic.name)) || topic.errorCode === 3) {
        known.topic = null;
      }
      this.#topics.set(topic.name, known);
    }
    this.version++;
  }
}

type TopicAnswer = ResponseOf<typeof metadataApi>["topics"][number];

/** A broker that is behind may still answer an older leader epoch of the same topic: it does not replace a newer one. */
function merge(before: MutableTopic | null, name: string, answer: TopicAnswer): MutableTopic {
  const partitions: PartitionMetadata[] = [];
  for (const p of answer.partitions) {
    const old =
      before?.topicId === answer.topicId ? before.partitions[p.partitionIndex] : undefined;
    partitions[p.partitionIndex] =
      old !== undefined && old.leaderEpoch > p.leaderEpoch && p.leaderEpoch >= 0
        ? old
        : {
            partition: p.partitionIndex,
            leader: p.leaderId,
            leaderEpoch: p.leaderEpoch,
            replicas: p.replicaNodes,
            isr: p.isrNodes,
            offlineReplicas: p.offlineReplicas,
            errorCode: p.errorCode,
          };
  }
  return { name, topicId: answer.topicId, isInternal: answer.isInternal, partitions };
}

/** Whether an answer means that what is known of a topic's leaders is wrong. */
export function isStaleMetadata(error: unknown): boolean {
  return error instanceof BrokerError ? STALE.has(error.error) : isRetriable(error);
}

const STALE: ReadonlySet<string> = new Set([
  "NOT_LEADER_OR_FOLLOWER",
  "LEADER_NOT_AVAILABLE",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "UNKNOWN_TOPIC_ID",
  "INCONSISTENT_TOPIC_ID",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "REPLICA_NOT_AVAILABLE",
  "KAFKA_STORAGE_ERROR",
  "OFFSET_NOT_AVAILABLE",
]);
