/**
 * Topics, configs, producer ids and cluster features: what the broker knows besides the log. The embedded store keeps an image in
 * memory and a log on disk; a shared one can keep it in SQL. Same contract tests for both.
 *
 * Every change is durable when its promise resolves, and visible in `image` from then on. A change that depends on what there is comes as a function: it is
 * given the state behind all changes before it, which `image` may not show yet, and what it throws is the change's failure.
 */
export interface MetadataStore {
  /** The current state. Read it anew for each request; what it returns is never changed, only replaced. */
  readonly image: MetadataImage;
  /** @throws {TopicExists} when the name is taken. Names and counts are the caller's to validate. */
  createTopic(topic: NewTopic): Promise<Topic>;
  /** @throws {TopicNotFound} */
  deleteTopic(topicId: string): Promise<Topic>;
  /** Adds partitions up to the length of what `grow` makes of the topic. @throws {TopicNotFound} */
  growTopic(topicId: string, grow: (topic: Topic) => Replicas): Promise<Topic>;
  /** Places the partitions that a topic has anew: `place` gives as many as there are. @throws {TopicNotFound} */
  assignReplicas(topicId: string, place: (topic: Topic) => Replicas): Promise<Topic>;
  /** Sets (string) and removes (null) dynamic configs of one resource in one step, as `change` says of the current ones. @throws {TopicNotFound} */
  alterConfigs(
    resource: ConfigResource,
    change: (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string | null>,
  ): Promise<void>;
  /** Finalizes levels of features in one step; level 0 switches a feature off. The features' epoch grows with every change. */
  finalizeFeatures(levels: ReadonlyMap<string, number>): Promise<void>;
  /** The next block of never used producer ids, persisted before it is handed out (IP8). */
  allocateProducerIds(): Promise<{ readonly first: number; readonly count: number }>;
  close(): Promise<void>;
}

export interface MetadataImage {
  /** 22-character base64url UUID, fixed at the first start. */
  readonly clusterId: string;
  readonly topicCount: number;
  topic(name: string): Topic | null;
  topicById(topicId: string): Topic | null;
  /** All topics, ordered by name. */
  topics(): Iterable<Topic>;
  /** Dynamic configs set on a resource; empty when there are none. */
  configs(resource: ConfigResource): ReadonlyMap<string, string>;
  /** Names of the resources of a type that have dynamic configs. */
  configuredResources(type: ConfigResourceType): Iterable<string>;
  /** Finalized levels by feature; 0 for one that is switched off. */
  readonly features: ReadonlyMap<string, number>;
  /** Grows with every change of `features` (gotcha 3). */
  readonly featuresEpoch: number;
}

export type ConfigResourceType = "topic" | "broker" | "group" | "client-metrics";

/** `name` is a topic, a broker id, the empty string (all brokers' default), a group. */
export interface ConfigResource {
  readonly type: ConfigResourceType;
  readonly name: string;
}

/** Broker ids by partition, preferred leader first. */
export type Replicas = readonly (readonly number[])[];

export interface Topic {
  readonly topicId: string;
  readonly name: string;
  readonly isInternal: boolean;
  /** Its length is the partition count. */
  readonly replicas: Replicas;
}

export interface NewTopic extends Omit<Topic, "topicId"> {
  /** Absent: the store draws one. */
  readonly topicId?: string;
  readonly configs: ReadonlyMap<string, string>;
}
