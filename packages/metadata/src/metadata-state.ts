/**
 * The state that metadata records add up to. {@link MetadataState} never changes, so it serves as the image as it is. {@link StateDraft} collects
 * changes on top of one, seen by the changes after them, until they are durable and become the next state, or are dropped. `apply` is the only code
 * that changes anything: live, on replay and from a snapshot.
 */
import { TopicExists, TopicNotFound } from "./errors.ts";
import type { MetadataRecord } from "./metadata-records.ts";
import { PersistentMap } from "./persistent-map.ts";
import type { ConfigResource, ConfigResourceType, MetadataImage, Topic } from "./store.ts";

type Configs = ReadonlyMap<string, string>;
type Features = ReadonlyMap<string, number>;

const NO_CONFIGS: Configs = new Map();

interface StateFields {
  readonly clusterId: string;
  readonly nextProducerId: number;
  readonly features: Features;
  readonly featuresEpoch: number;
  readonly topicsByName: PersistentMap<string, Topic>;
  readonly topicsById: PersistentMap<string, Topic>;
  /** By {@link resourceKey}. */
  readonly configs: PersistentMap<string, Configs>;
}

export class MetadataState implements MetadataImage {
  static readonly empty = new MetadataState({
    clusterId: "",
    nextProducerId: 0,
    features: new Map(),
    // Releases that did not keep levels announced 1.
    featuresEpoch: 1,
    topicsByName: PersistentMap.empty(),
    topicsById: PersistentMap.empty(),
    configs: PersistentMap.empty(),
  });

  readonly fields: StateFields;
  /** Filled on first use; a state does not change. */
  #sorted: readonly Topic[] | null = null;

  constructor(fields: StateFields) {
    this.fields = fields;
  }

  get clusterId(): string {
    return this.fields.clusterId;
  }

  get topicCount(): number {
    return this.fields.topicsByName.size;
  }

  get features(): Features {
    return this.fields.features;
  }

  get featuresEpoch(): number {
    return this.fields.featuresEpoch;
  }

  topic(name: string): Topic | null {
    return this.fields.topicsByName.get(name) ?? null;
  }

  topicById(topicId: string): Topic | null {
    return this.fields.topicsById.get(topicId) ?? null;
  }

  topics(): Iterable<Topic> {
    this.#sorted ??= [...this.fields.topicsByName.values()].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    return this.#sorted;
  }

  configs(resource: ConfigResource): Configs {
    return this.fields.configs.get(resourceKey(resource.type, resource.name)) ?? NO_CONFIGS;
  }

  *configuredResources(type: ConfigResourceType): Iterable<string> {
    const prefix = resourceKey(type, "");
    for (const [key] of this.fields.configs.entries()) {
      if (key.startsWith(prefix)) {
        yield key.slice(prefix.length);
      }
    }
  }

  /** The records that lead from nothing to this state. */
  *toRecords(): Generator<MetadataRecord> {
    const { clusterId, nextProducerId, features, featuresEpoch: epoch } = this.fields;
    yield { kind: "clusterCreated", clusterId };
    yield { kind: "producerIdsAllocated", nextProducerId };
    yield { kind: "featuresFinalized", epoch, levels: [...features] };
    for (const { topicId, name, isInternal, replicas } of this.topics()) {
      yield { kind: "topicCreated", topicId, name, isInternal, replicas };
    }
    for (const [key, configs] of this.fields.configs.entries()) {
      yield { kind: "configsChanged", ...resourceOf(key), changes: [...configs] };
    }
  }
}

/** How many records {@link MetadataState.toRecords} gives. */
export function recordCount(state: MetadataState): number {
  return 3 + state.topicCount + state.fields.configs.size;
}

export class StateDraft {
  readonly #before: MetadataState;
  #clusterId: string;
  #nextProducerId: number;
  #features: Features;
  #featuresEpoch: number;
  readonly #topicsByName = new Map<string, Topic | undefined>();
  readonly #topicsById = new Map<string, Topic | undefined>();
  readonly #configs = new Map<string, Configs | undefined>();

  constructor(before: MetadataState) {
    this.#before = before;
    this.#clusterId = before.clusterId;
    this.#nextProducerId = before.fields.nextProducerId;
    this.#features = before.features;
    this.#featuresEpoch = before.featuresEpoch;
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  get nextProducerId(): number {
    return this.#nextProducerId;
  }

  get features(): Features {
    return this.#features;
  }

  get featuresEpoch(): number {
    return this.#featuresEpoch;
  }

  topic(name: string): Topic | undefined {
    return this.#topicsByName.has(name)
      ? this.#topicsByName.get(name)
      : this.#before.fields.topicsByName.get(name);
  }

  topicById(topicId: string): Topic | undefined {
    return this.#topicsById.has(topicId)
      ? this.#topicsById.get(topicId)
      : this.#before.fields.topicsById.get(topicId);
  }

  /** @throws {TopicNotFound} */
  requireTopic(topicId: string): Topic {
    const topic = this.topicById(topicId);
    if (topic === undefined) {
      throw new TopicNotFound(topicId);
    }
    return topic;
  }

  configs({ type, name }: ConfigResource): Configs {
    const key = resourceKey(type, name);
    const configs = this.#configs.has(key)
      ? this.#configs.get(key)
      : this.#before.fields.configs.get(key);
    return configs ?? NO_CONFIGS;
  }

  /** @throws {TopicExists} or {TopicNotFound} when the record contradicts what came before. */
  apply(record: MetadataRecord): void {
    switch (record.kind) {
      case "clusterCreated":
        this.#clusterId = record.clusterId;
        break;
      case "topicCreated": {
        const { topicId, name, isInternal, replicas } = record;
        if (this.topic(name) !== undefined) {
          throw new TopicExists(name);
        }
        this.#setTopic({ topicId, name, isInternal, replicas });
        break;
      }
      case "topicDeleted": {
        const topic = this.requireTopic(record.topicId);
        this.#topicsByName.set(topic.name, undefined);
        this.#topicsById.set(topic.topicId, undefined);
        this.#configs.set(resourceKey("topic", topic.name), undefined);
        break;
      }
      case "topicGrown":
      case "replicasAssigned":
        this.#setTopic({ ...this.requireTopic(record.topicId), replicas: record.replicas });
        break;
      case "configsChanged":
        this.#changeConfigs(record, record.changes);
        break;
      case "producerIdsAllocated":
        this.#nextProducerId = record.nextProducerId;
        break;
      case "featuresFinalized":
        this.#features = new Map([...this.#features, ...record.levels]);
        this.#featuresEpoch = record.epoch;
        break;
    }
  }

  finish(): MetadataState {
    const { topicsByName, topicsById, configs } = this.#before.fields;
    return new MetadataState({
      clusterId: this.#clusterId,
      nextProducerId: this.#nextProducerId,
      features: this.#features,
      featuresEpoch: this.#featuresEpoch,
      topicsByName: changed(topicsByName, this.#topicsByName),
      topicsById: changed(topicsById, this.#topicsById),
      configs: changed(configs, this.#configs),
    });
  }

  #setTopic(topic: Topic): void {
    this.#topicsByName.set(topic.name, topic);
    this.#topicsById.set(topic.topicId, topic);
  }

  #changeConfigs(
    resource: ConfigResource,
    changes: readonly (readonly [string, string | null])[],
  ): void {
    const configs = new Map(this.configs(resource));
    for (const [name, text] of changes) {
      if (text === null) {
        configs.delete(name);
      } else {
        configs.set(name, text);
      }
    }
    const key = resourceKey(resource.type, resource.name);
    this.#configs.set(key, configs.size === 0 ? undefined : configs);
  }
}

function changed<V>(
  before: PersistentMap<string, V>,
  changes: ReadonlyMap<string, V | undefined>,
): PersistentMap<string, V> {
  return changes.size === 0 ? before : before.with(changes);
}

/** No type contains a colon. */
function resourceKey(type: ConfigResourceType, name: string): string {
  return `${type}:${name}`;
}

function resourceOf(key: string): { type: ConfigResourceType; name: string } {
  const colon = key.indexOf(":");
  return { type: key.slice(0, colon) as ConfigResourceType, name: key.slice(colon + 1) };
}
