/**
 * Creates, changes and deletes topics: Kafka's rules on top of the metadata store, and the log engine kept in step with it.
 *
 * Order at creation: the store makes the topic durable, the engine is told, only then anybody hears of it. A crash in between leaves a
 * topic without files, which is what a topic without records looks like anyway.
 */
import type { LogConfig, LogEngine } from "@ottla/log";
import {
  assignReplicas,
  collisionKey,
  isInternalTopicName,
  METADATA_TOPIC_NAME,
  type MetadataStore,
  type Replicas,
  type Topic,
  TopicExists,
  toLogConfig,
  topicCollisionMessage,
  topicNameProblem,
  validateTopicConfigs,
} from "@ottla/metadata";
import type { Cluster } from "./cluster.ts";
import type { DynamicConfig } from "./dynamic-config.ts";
import { RequestError } from "./error-codes.ts";

/** A topic asked for, as in CreateTopics. */
export interface TopicRequest {
  readonly name: string;
  /** −1 for `num.partitions`. */
  readonly partitions: number;
  /** −1 for `default.replication.factor`. */
  readonly replicationFactor: number;
  /** Replicas by partition when the client chose them; empty otherwise. */
  readonly assignments: readonly {
    readonly partitionIndex: number;
    readonly brokerIds: readonly number[];
  }[];
  readonly configs: ReadonlyMap<string, string | null>;
}

export interface TopicPlan {
  readonly replicas: Replicas;
  readonly configs: ReadonlyMap<string, string>;
}

export const CONSUMER_OFFSETS_TOPIC = "__consumer_offsets";
export const TRANSACTION_STATE_TOPIC = "__transaction_state";

export class TopicService {
  readonly #store: MetadataStore;
  readonly #engine: LogEngine;
  readonly #cluster: Cluster;
  readonly #config: DynamicConfig;
  readonly #creating = new Map<string, Promise<Topic>>();
  /** Names that are being created, by what they share with colliding ones; of several that collide the last. */
  readonly #creatingNames = new Map<string, string>();
  /** Names by what they share with colliding ones; built on first use. */
  #names: Map<string, string> | null = null;
  /** How many partitions an internal topic has to have, by name. */
  readonly #fixedCounts = new Map<string, number>();
  #onDeleted: (topics: readonly Topic[]) => Promise<void> = async () => {};
  #nextLeader = 0;

  constructor(store: MetadataStore, engine: LogEngine, cluster: Cluster, config: DynamicConfig) {
    this.#store = store;
    this.#engine = engine;
    this.#cluster = cluster;
    this.#config = config;
  }

  /** Tells the engine of every topic there is. */
  openAll(): void {
    for (const topic of this.#store.image.topics()) {
      this.#engine.openTopic({
        topicId: topic.topicId,
        name: topic.name,
        partitions: topic.replicas.length,
        config: this.#logConfig(topic),
      });
    }
  }

  /**
   * The topic has this many partitions as long as this process runs, whoever creates it and however often: coordinators divide what they keep
   * among so many when they start, and with another number would look for it elsewhere after the next start.
   */
  fixPartitions(name: string, count: number): void {
    this.#fixedCounts.set(name, count);
  }

  /** Called with topics after they are gone. */
  onDeleted(listener: (topics: readonly Topic[]) => Promise<void>): void {
    this.#onDeleted = listener;
  }

  /**
   * What creating the topic would make. Topics of one request are planned before any of them is created, since Kafka lets their names collide.
   * @throws {RequestError} with Kafka's error and message.
   */
  plan(request: TopicRequest): TopicPlan {
    this.checkName(request.name);
    const broker = this.#config.broker(this.#cluster.controller.id);
    const problem = validateTopicConfigs(request.configs, broker);
    if (problem !== null) throw problem;
    const replicas = this.#placement(request);
    this.#checkFixed(request.name, replicas.length);
    return {
      replicas,
      configs: request.configs as ReadonlyMap<string, string>,
    };
  }

  /** What {@link plan} would throw now; null when there would be a plan. */
  problem(request: TopicRequest): unknown {
    const nextLeader = this.#nextLeader;
    try {
      this.plan(request);
      return null;
    } catch (cause) {
      return cause;
    } finally {
      this.#nextLeader = nextLeader;
    }
  }

  /** @throws {TopicExists} */
  async create(name: string, plan: TopicPlan): Promise<Topic> {
    for (;;) {
      const pending = this.#creating.get(name);
      if (pending === undefined) break;
      // One that fails leaves the name to whoever waits.
      if ((await pending.catch(() => null)) !== null) throw new TopicExists(name);
    }
    const key = collisionKey(name);
    const creation = this.#create(name, plan);
    this.#creating.set(name, creation);
    this.#creatingNames.set(key, name);
    try {
      return await creation;
    } finally {
      this.#creating.delete(name);
      if (this.#creatingNames.get(key) === name) this.#creatingNames.delete(key);
    }
  }

  /** The topic, created with the broker's defaults if it is not there. @throws {RequestError} when it cannot be. */
  async ensure(name: string): Promise<Topic> {
    for (;;) {
      const existing = this.#store.image.topic(name);
      if (existing !== null) return existing;
      const pending = this.#creating.get(name);
      if (pending !== undefined) {
        await pending.catch(() => {});
        continue;
      }
      const creation = this.create(name, this.plan(this.#defaults(name)));
      return await creation;
    }
  }

  /** @throws {TopicNotFound} */
  async delete(topicId: string): Promise<void> {
    const topic = await this.#store.deleteTopic(topicId);
    if (this.#names?.get(collisionKey(topic.name)) === topic.name) this.#names = null;
    await this.#engine.deleteTopic(topicId);
    await this.#onDeleted([topic]);
  }

  /** AD3. @throws {RequestError} */
  planGrowth(topic: Topic, count: number, assignments: Replicas | null): Replicas {
    const current = topic.replicas.length;
    if (count > current) this.#checkFixed(topic.name, count);
    if (count < current) {
      throw new RequestError(
        "INVALID_PARTITIONS",
        `The topic ${topic.name} currently has ${current} partition(s); ${count} would not be an increase.`,
      );
    }
    if (count === current) {
      throw new RequestError("INVALID_PARTITIONS", `Topic already has ${current} partition(s).`);
    }
    const added = count - current;
    if (added > MAX_PARTITIONS_PER_REQUEST) throw tooManyPartitions();
    if (assignments !== null) {
      if (assignments.length !== added) {
        const verb = assignments.length === 1 ? "assignment was" : "assignments were";
        throw new RequestError(
          "INVALID_REPLICA_ASSIGNMENT",
          `Attempted to add ${added} additional partition(s), but only ${assignments.length} ${verb} specified.`,
        );
      }
      const copies = topic.replicas[0]?.length ?? null;
      for (const replicas of assignments) this.checkReplicas(replicas, copies);
      return [...topic.replicas, ...assignments];
    }
    const factor = topic.replicas[0]?.length ?? 1;
    const start = this.#cluster.brokerIds.indexOf(topic.replicas[current - 1]?.[0] ?? -1) + 1;
    return [...topic.replicas, ...assignReplicas(this.#cluster.brokerIds, added, factor, start)];
  }

  /** AD3: what {@link planGrowth} makes of the topic behind all changes under way. @throws {RequestError} {TopicNotFound} */
  async grow(topicId: string, count: number, assignments: Replicas | null): Promise<void> {
    const { replicas } = await this.#store.growTopic(topicId, (topic) =>
      this.planGrowth(topic, count, assignments),
    );
    this.#engine.alterTopic(topicId, { partitions: replicas.length });
  }

  /**
   * Places a topic's partitions on other brokers; a process shares its logs, so nothing moves.
   *
   * @param place gives the new replicas of all partitions for those behind all changes under way; what it throws is passed on.
   */
  async reassign(topicId: string, place: (current: Replicas) => Replicas): Promise<void> {
    const { name } = await this.#store.assignReplicas(topicId, ({ replicas }) => place(replicas));
    this.configChanged(name);
  }

  /** Tells the engine of a topic's configuration after it was altered. */
  configChanged(name: string): void {
    const topic = this.#store.image.topic(name);
    if (topic !== null) {
      this.#engine.alterTopic(topic.topicId, { config: this.#logConfig(topic) });
    }
  }

  /** The same for all topics, after the broker's defaults changed. */
  defaultsChanged(): void {
    for (const topic of this.#store.image.topics()) this.configChanged(topic.name);
  }

  async #create(name: string, plan: TopicPlan): Promise<Topic> {
    const isInternal = isInternalTopicName(name);
    const topic = await this.#store.createTopic({ name, isInternal, ...plan });
    this.#engine.openTopic({
      topicId: topic.topicId,
      name,
      partitions: topic.replicas.length,
      config: this.#logConfig(topic),
    });
    this.#names?.set(collisionKey(name), name);
    return topic;
  }

  #logConfig({ name, replicas }: Topic): LogConfig {
    const broker = this.#config.broker(this.#cluster.controller.id);
    const config = toLogConfig(broker, this.#store.image.configs({ type: "topic", name }));
    // More replicas in sync than a partition has cannot be meant, so all of them are.
    const factor = replicas[0]?.length ?? 1;
    return config.minInsyncReplicas <= factor ? config : { ...config, minInsyncReplicas: factor };
  }

  /** @throws {RequestError} for a name that breaks the rules. @throws {TopicExists} */
  checkName(name: string): void {
    const problem = topicNameProblem(name);
    if (problem !== null) throw new RequestError("INVALID_TOPIC_EXCEPTION", problem);
    if (name === METADATA_TOPIC_NAME) {
      throw new RequestError(
        "INVALID_REQUEST",
        `Creation of internal topic ${name} is prohibited.`,
      );
    }
    if (this.#store.image.topic(name) !== null) throw new TopicExists(name);
    const similar = this.#similarName(name);
    if (similar !== null) {
      throw new RequestError("INVALID_TOPIC_EXCEPTION", topicCollisionMessage(name, similar));
    }
  }

  /** A topic that is there or being created, under another name that is the same in metrics. */
  #similarName(name: string): string | null {
    const key = collisionKey(name);
    // Who asks for a name that is being created waits for that.
    if (this.#creating.has(name)) return null;
    const creating = this.#creatingNames.get(key);
    if (creating !== undefined) return creating;
    if (this.#names === null) {
      this.#names = new Map();
      for (const topic of this.#store.image.topics()) {
        this.#names.set(collisionKey(topic.name), topic.name);
      }
    }
    return this.#names.get(key) ?? null;
  }

  #checkFixed(name: string, count: number): void {
    const fixed = this.#fixedCounts.get(name) ?? count;
    if (count === fixed) return;
    throw new RequestError(
      "INVALID_PARTITIONS",
      `The coordinator divides what it keeps in ${name} among ${fixed} partitions, not ${count}; their number is a setting of the broker and counts when the topic is first created.`,
    );
  }

  #placement(request: TopicRequest): Replicas {
    const { partitions, replicationFactor, assignments } = request;
    if (assignments.length > 0) return this.#manualPlacement(request);
    if (replicationFactor < -1 || replicationFactor === 0) {
      throw new RequestError(
        "INVALID_REPLICATION_FACTOR",
        "Replication factor must be larger than 0, or -1 to use the default value.",
      );
    }
    if (partitions < -1 || partitions === 0) {
      throw new RequestError(
        "INVALID_PARTITIONS",
        "Number of partitions was set to an invalid non-positive value.",
      );
    }
    const broker = this.#config.broker(this.#cluster.controller.id);
    const byDefault = this.#fixedCounts.get(request.name) ?? broker.number("num.partitions");
    const count = partitions === -1 ? byDefault : partitions;
    const factor =
      replicationFactor === -1 ? broker.number("default.replication.factor") : replicationFactor;
    if (count > MAX_PARTITIONS_PER_REQUEST) throw tooManyPartitions();
    return assignReplicas(this.#cluster.brokerIds, count, factor, this.#nextLeader++);
  }

  #manualPlacement(request: TopicRequest): Replicas {
    if (request.replicationFactor !== -1) {
      throw new RequestError(
        "INVALID_REQUEST",
        "A manual partition assignment was specified, but replication factor was not set to -1.",
      );
    }
    if (request.partitions !== -1) {
      throw new RequestError(
        "INVALID_REQUEST",
        "A manual partition assignment was specified, but numPartitions was not set to -1.",
      );
    }
    const replicas: (readonly number[])[] = [];
    let copies: number | null = null;
    for (const { partitionIndex, brokerIds } of request.assignments) {
      if (replicas[partitionIndex] !== undefined) {
        throw new RequestError(
          "INVALID_REPLICA_ASSIGNMENT",
          `Found multiple manual partition assignments for partition ${partitionIndex}`,
        );
      }
      this.checkReplicas(brokerIds, copies);
      copies = brokerIds.length;
      if (partitionIndex < 0 || partitionIndex >= request.assignments.length) {
        throw new RequestError(
          "INVALID_REPLICA_ASSIGNMENT",
          "partitions should be a consecutive 0-based integer sequence",
        );
      }
      replicas[partitionIndex] = brokerIds;
    }
    return replicas;
  }

  /**
   * @param copies how many the partitions before have, where all must have as many
   * @throws {RequestError} for replicas that a partition cannot have.
   */
  checkReplicas(brokerIds: readonly number[], copies: number | null = null): void {
    if (brokerIds.length === 0) {
      throw new RequestError(
        "INVALID_REPLICA_ASSIGNMENT",
        "The manual partition assignment includes an empty replica list.",
      );
    }
    const sorted = brokerIds.toSorted((a, b) => a - b);
    sorted.forEach((id, index) => {
      if (this.#cluster.broker(id) === null) {
        throw new RequestError(
          "INVALID_REPLICA_ASSIGNMENT",
          `The manual partition assignment includes broker ${id}, but no such broker is registered.`,
        );
      }
      if (id === sorted[index - 1]) {
        throw new RequestError(
          "INVALID_REPLICA_ASSIGNMENT",
          `The manual partition assignment includes the broker ${id} more than once.`,
        );
      }
    });
    if (copies !== null && brokerIds.length !== copies) {
      throw new RequestError(
        "INVALID_REPLICA_ASSIGNMENT",
        `The manual partition assignment includes a partition with ${brokerIds.length} replica(s), but this is not consistent with previous partitions, which have ${copies} replica(s).`,
      );
    }
  }

  /** How a topic nobody described comes to be: an internal one by its own settings, any other by the broker's defaults. */
  #defaults(name: string): TopicRequest {
    const broker = this.#config.broker(this.#cluster.controller.id);
    const brokers = this.#cluster.brokers.length;
    const assignments: TopicRequest["assignments"] = [];
    switch (name) {
      case CONSUMER_OFFSETS_TOPIC:
        return {
          name,
          partitions: -1,
          replicationFactor: Math.min(broker.number("offsets.topic.replication.factor"), brokers),
          assignments,
          configs: new Map([
            ["cleanup.policy", "compact"],
            ["compression.type", "producer"],
            ["segment.bytes", String(broker.number("offsets.topic.segment.bytes"))],
          ]),
        };
      case TRANSACTION_STATE_TOPIC: {
        const log = "transaction.state.log";
        const factor = Math.min(broker.number(`${log}.replication.factor`), brokers);
        return {
          name,
          partitions: -1,
          replicationFactor: factor,
          assignments,
          configs: new Map([
            ["cleanup.policy", "compact"],
            ["compression.type", "uncompressed"],
            ["min.insync.replicas", String(Math.min(broker.number(`${log}.min.isr`), factor))],
            ["segment.bytes", String(broker.number(`${log}.segment.bytes`))],
            ["unclean.leader.election.enable", "false"],
          ]),
        };
      }
      default: {
        const factor = Math.min(broker.number("default.replication.factor"), brokers);
        return { name, partitions: -1, replicationFactor: factor, assignments, configs: NONE };
      }
    }
  }
}

const NONE: ReadonlyMap<string, string> = new Map();

/** Kafka's bound on partitions that one request may create. */
export const MAX_PARTITIONS_PER_REQUEST = 10_000;

export function tooManyPartitions(): RequestError {
  return new RequestError(
    "POLICY_VIOLATION",
    "Excessively large number of partitions per request.",
  );
}
