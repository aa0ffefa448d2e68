/**
 * Metadata on one machine: an image in memory, a log of changes in a partition of the log engine, a snapshot beside it.
 *
 * A change is worked out against the state as it will be once all changes before it are durable, appended, and only then visible and
 * answered. While an append is under way further changes queue; the next append takes all of them as one batch, so that a thousand topics created at once cost
 * few flushes. A failed append has not happened: its changes are rejected, and what follows starts again from the last durable state. A change that is
 * refused because of one before it is told so once that one is durable, or fails with it.
 *
 * Start: snapshot, then the log from where the snapshot ends. A new snapshot is written in the background once the log since the last one has
 * outgrown both a minimum and the state itself, so that the cost of snapshots stays a constant share of that of changes, and start-up stays in
 * proportion to what there is. A crash between snapshot and trim leaves records that the snapshot covers; they are skipped.
 *
 * Queue bound: none here; each waiting change belongs to a request that is counted by the broker's budgets.
 */
import path from "node:path";
import type { LogEngine } from "@ottla/log";
import type { Clock, FileSystem, Random } from "@ottla/platform";
import { MetadataLogFailed, TopicExists, TopicNotFound } from "./errors.ts";
import { EngineMetadataLog, type MetadataLog } from "./metadata-log.ts";
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
} from "./metadata-records.ts";
import { readSnapshot, writeSnapshot } from "./metadata-snapshot.ts";
import { MetadataState, recordCount, StateDraft } from "./metadata-state.ts";
import type {
  ConfigResource,
  MetadataImage,
  MetadataStore,
  NewTopic,
  Replicas,
  Topic,
} from "./store.ts";
import { newUuid } from "./uuid.ts";

/** Ids in a block of producer ids, as many as Kafka's controller gives. */
export const PRODUCER_ID_BLOCK = 1000;

const MIN_RECORDS_BETWEEN_SNAPSHOTS = 2000;

/** A batch takes no further change once it has this many bytes; the journal bounds what one append can carry. */
const MAX_BATCH_BYTES = 256 * 1024;

export interface EmbeddedStoreOptions {
  /** Started, and not closed before this store is. */
  readonly engine: LogEngine;
  readonly fileSystem: FileSystem;
  /** Holds the snapshot; created when missing, in a folder whose own name is on stable storage. */
  readonly directory: string;
  readonly random: Random;
  readonly clock: Clock;
  /** Taken at the first start instead of a random one; ignored later. */
  readonly clusterId?: string;
  /** Levels to finalize of features that have none yet. */
  readonly features?: ReadonlyMap<string, number>;
  /** How many records are replayed at most at the next start, unless there is more than that to know. */
  readonly minRecordsBetweenSnapshots?: number;
  /** Told when a snapshot fails; changes go on, and it is tried again later. */
  readonly onSnapshotFailure?: (error: Error) => void;
}

interface Change {
  /** Works out the change on the draft; what it throws is the change's own failure. */
  readonly prepare: (draft: StateDraft) => { records: MetadataRecord[]; result: unknown };
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class EmbeddedMetadataStore implements MetadataStore {
  readonly #options: EmbeddedStoreOptions;
  readonly #log: MetadataLog;
  #state = MetadataState.empty;
  /** Changes that wait for the append under way. */
  #queue: Change[] = [];
  #running: Promise<void> | null = null;
  /** Offset behind the last record that is in the state. */
  #offset = 0;
  #snapshotOffset = 0;
  #snapshot: Promise<void> | null = null;
  #isClosed = false;

  private constructor(options: EmbeddedStoreOptions, log: MetadataLog) {
    this.#options = options;
    this.#log = log;
  }

  /** Reads what there is; at the first start draws the cluster id. @throws {MetadataLogFailed} when it is damaged or cannot be read. */
  static async open(
    options: EmbeddedStoreOptions,
    log: MetadataLog = new EngineMetadataLog(options.engine, options.clock),
  ): Promise<EmbeddedMetadataStore> {
    const store = new EmbeddedMetadataStore(options, log);
    await store.#load();
    return store;
  }

  get image(): MetadataImage {
    return this.#state;
  }

  createTopic(topic: NewTopic): Promise<Topic> {
    return this.#change((draft) => {
      const { name, isInternal, replicas, configs } = topic;
      if (draft.topic(name) !== undefined) {
        throw new TopicExists(name);
      }
      const topicId = topic.topicId ?? this.#newTopicId(draft);
      if (draft.topicById(topicId) !== undefined) {
        throw new TopicExists(topicId);
      }
      const records: MetadataRecord[] = [
        { kind: "topicCreated", topicId, name, isInternal, replicas },
      ];
      if (configs.size > 0) {
        records.push({ kind: "configsChanged", type: "topic", name, changes: [...configs] });
      }
      return { records, result: { topicId, name, isInternal, replicas } satisfies Topic };
    });
  }

  deleteTopic(topicId: string): Promise<Topic> {
    return this.#change((draft) => ({
      result: draft.requireTopic(topicId),
      records: [{ kind: "topicDeleted", topicId }],
    }));
  }

  growTopic(topicId: string, grow: (topic: Topic) => Replicas): Promise<Topic> {
    return this.#change((draft) => {
      const topic = draft.requireTopic(topicId);
      const replicas = grow(topic);
      if (replicas.length <= topic.replicas.length) {
        return { records: [], result: topic };
      }
      const all = [...topic.replicas, ...replicas.slice(topic.replicas.length)];
      return {
        records: [{ kind: "topicGrown", topicId, replicas: all }],
        result: { ...topic, replicas: all } satisfies Topic,
      };
    });
  }

  alterConfigs(
    resource: ConfigResource,
    change: (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string | null>,
  ): Promise<void> {
    return this.#change((draft) => {
      const { type, name } = resource;
      if (type === "topic" && draft.topic(name) === undefined) {
        throw new TopicNotFound(name);
      }
      const changes = change(draft.configs(resource));
      const records: MetadataRecord[] =
        changes.size === 0 ? [] : [{ kind: "configsChanged", type, name, changes: [...changes] }];
      return { records, result: undefined };
    });
  }

  assignReplicas(topicId: string, place: (topic: Topic) => Replicas): Promise<Topic> {
    return this.#change((draft) => {
      const topic = draft.requireTopic(topicId);
      const replicas = place(topic);
      return {
        records: [{ kind: "replicasAssigned", topicId, replicas }],
        result: { ...topic, replicas } satisfies Topic,
      };
    });
  }

  finalizeFeatures(levels: ReadonlyMap<string, number>): Promise<void> {
    return this.#change((draft) => {
      const changed = [...levels].filter(([name, level]) => draft.features.get(name) !== level);
      const epoch = draft.featuresEpoch + 1;
      const records: MetadataRecord[] =
        changed.length === 0 ? [] : [{ kind: "featuresFinalized", epoch, levels: changed }];
      return { records, result: undefined };
    });
  }

  /** IP8: a block is on stable storage before any id of it is used, so a crash wastes ids but never repeats one. */
  allocateProducerIds(): Promise<{ readonly first: number; readonly count: number }> {
    return this.#change((draft) => {
      const first = draft.nextProducerId;
      return {
        records: [{ kind: "producerIdsAllocated", nextProducerId: first + PRODUCER_ID_BLOCK }],
        result: { first, count: PRODUCER_ID_BLOCK },
      };
    });
  }

  /** Lets queued changes finish, refuses new ones, and leaves a snapshot where it would shorten the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    await this.#snapshot;
    this.#snapshotIfDue(this.#least / 4);
    await this.#snapshot;
  }

  get #least(): number {
    return this.#options.minRecordsBetweenSnapshots ?? MIN_RECORDS_BETWEEN_SNAPSHOTS;
  }

  async #load(): Promise<void> {
    const { fileSystem, directory } = this.#options;
    await fileSystem.makeDirectory(directory);
    await fileSystem.syncDirectory(path.dirname(directory));
    const draft = new StateDraft(MetadataState.empty);
    const snapshot = await readSnapshot(fileSystem, directory);
    for (const record of snapshot?.records ?? []) {
      draft.apply(record);
    }
    const covered = snapshot?.coveredOffset ?? 0;
    if (this.#log.startOffset > covered) {
      throw new MetadataLogFailed(
        `The metadata log starts at ${this.#log.startOffset}, but the snapshot covers only what is before ${covered}.`,
      );
    }
    await this.#log.replay(covered, (record) => draft.apply(decodeMetadataRecord(record)));
    this.#offset = this.#log.endOffset;
    this.#snapshotOffset = covered;
    this.#state = draft.finish();
    if (covered > this.#offset) {
      // A log that lost its end (page-cache durability, a power failure) would give used offsets out again; the snapshot must not hide these.
      await writeSnapshot(fileSystem, directory, this.#offset, this.#state.toRecords());
      this.#snapshotOffset = this.#offset;
    }
    // Both in the same turn, so that the first start flushes once.
    await Promise.all([this.#createCluster(), this.#finalizeMissingFeatures()]);
  }

  async #createCluster(): Promise<void> {
    if (this.#state.clusterId !== "") return;
    const clusterId = this.#options.clusterId ?? newUuid(this.#options.random);
    const records: MetadataRecord[] = [{ kind: "clusterCreated", clusterId }];
    await this.#change(() => ({ records, result: undefined }));
  }

  async #finalizeMissingFeatures(): Promise<void> {
    const { features } = this.#state;
    const missing = [...(this.#options.features ?? [])].filter(([name]) => !features.has(name));
    if (missing.length > 0) await this.finalizeFeatures(new Map(missing));
  }

  #change<T>(prepare: (draft: StateDraft) => { records: MetadataRecord[]; result: T }): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(new MetadataLogFailed("The metadata store is closed."));
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ prepare, resolve: resolve as (result: unknown) => void, reject });
      this.#running ??= this.#run();
    });
  }

  /** Appends what is queued, batch after batch, until nothing is. */
  async #run(): Promise<void> {
    // Changes asked for in one turn share an append from the start.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const changes = this.#queue;
      this.#queue = [];
      const taken = await this.#runBatch(changes);
      if (taken < changes.length) {
        this.#queue = [...changes.slice(taken), ...this.#queue];
      }
    }
    this.#running = null;
  }

  /** Appends the first of `changes`, as many as make a batch, and returns how many these were. */
  async #runBatch(changes: readonly Change[]): Promise<number> {
    const draft = new StateDraft(this.#state);
    const records: Buffer[] = [];
    const prepared: { change: Change; settle: () => void }[] = [];
    let bytes = 0;
    let taken = 0;
    while (taken < changes.length && bytes < MAX_BATCH_BYTES) {
      const change = changes[taken]!;
      taken += 1;
      try {
        const { records: own, result } = change.prepare(draft);
        for (const record of own) {
          draft.apply(record);
          const encoded = encodeMetadataRecord(record);
          records.push(encoded);
          bytes += encoded.length;
        }
        prepared.push({ change, settle: () => change.resolve(result) });
      } catch (error) {
        const settle = () => change.reject(error);
        if (records.length === 0) settle();
        else prepared.push({ change, settle });
      }
    }
    try {
      if (records.length > 0) {
        this.#offset = await this.#log.append(records);
        this.#state = draft.finish();
      }
    } catch (cause) {
      for (const { change } of prepared) {
        change.reject(cause);
      }
      return taken;
    }
    for (const { settle } of prepared) {
      settle();
    }
    this.#snapshotIfDue(Math.max(this.#least, recordCount(this.#state)));
    return taken;
  }

  /** Starts a snapshot when the log since the last one has `due` records, unless one is under way. */
  #snapshotIfDue(due: number): void {
    if (this.#snapshot === null && this.#offset - this.#snapshotOffset >= due) {
      this.#snapshot = this.#writeSnapshot(this.#state, this.#offset)
        .catch((error: Error) => this.#options.onSnapshotFailure?.(error))
        .finally(() => {
          this.#snapshot = null;
        });
    }
  }

  async #writeSnapshot(state: MetadataState, offset: number): Promise<void> {
    const { fileSystem, directory } = this.#options;
    await writeSnapshot(fileSystem, directory, offset, state.toRecords());
    this.#snapshotOffset = offset;
    await this.#log.trim(offset);
  }

  #newTopicId(draft: StateDraft): string {
    for (;;) {
      const topicId = newUuid(this.#options.random);
      if (draft.topicById(topicId) === undefined) {
        return topicId;
      }
    }
  }
}
