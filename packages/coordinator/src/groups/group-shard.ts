/**
 * One shard: the groups of one partition of `__consumer_offsets`, and the order in which their records reach it.
 *
 * An operation looks at the state, decides, and calls `append` in one go. The records are replayed into the state when they are
 * durable, in the order of the calls. So an operation does not see what is still on its way. That is right for commits and joins,
 * whose records replace each other whole; it is not for those that delete what they find: an expiry that did not see a fresh
 * commit would delete it. Those run `exclusively`: what is on its way is let in first, and what comes meanwhile waits (`gate`).
 */

import type { CoordinatorLog, StoredCoordinatorRecord } from "../coordinator-log.ts";
import type { DeadlineOwner } from "../deadline-queue.ts";
import { CoordinatorAppendRejected, type GroupErrorName } from "../errors.ts";
import { ClassicGroup, type ClassicGroupSettings } from "./classic-group.ts";
import { GroupOffsets } from "./group-offsets.ts";
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from "./records/record-types.ts";

/** A group: who is in it, what it has committed, and when it wants to be woken. */
export class Group implements DeadlineOwner {
  readonly shard: GroupShard;
  readonly classic: ClassicGroup;
  readonly offsets = new GroupOffsets();
  /** Whether the log knows of it, so that its end must be logged too. */
  hasRecords = false;
  queueIndex = -1;
  queuedDeadline = 0;

  constructor(shard: GroupShard, groupId: string, settings: ClassicGroupSettings) {
    this.shard = shard;
    this.classic = new ClassicGroup(groupId, settings);
  }

  get groupId(): string {
    return this.classic.groupId;
  }

  /** Nobody is in it, or about to be. */
  get isAbandoned(): boolean {
    return this.classic.state === "Empty" && this.classic.pendingJoin.size === 0;
  }
}

/** Tombstones of a scan are appended in batches of this many records. */
const RECORDS_PER_BATCH = 1_000;

export class GroupShard {
  readonly index: number;
  readonly groups = new Map<string, Group>();
  /** Why requests are turned away; NONE once loaded. */
  status: GroupErrorName = "COORDINATOR_LOAD_IN_PROGRESS";
  /** Resolves when an exclusive operation, and those queued behind it, are over; null when there is none. */
  gate: Promise<void> | null = null;
  /** Resolves when the shard is loaded, or will not be. */
  readonly ready: Promise<void>;
  readonly becomeReady: () => void;
  readonly #log: CoordinatorLog;
  readonly #settings: ClassicGroupSettings;
  /** Resolves with the last append; null when none is on its way. */
  #tail: Promise<void> | null = null;

  constructor(index: number, log: CoordinatorLog, settings: ClassicGroupSettings) {
    this.index = index;
    this.#log = log;
    this.#settings = settings;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.becomeReady = resolve;
  }

  group(groupId: string): Group | undefined {
    return this.groups.get(groupId);
  }

  groupOrNew(groupId: string): Group {
    let group = this.groups.get(groupId);
    if (group === undefined) {
      group = new Group(this, groupId, this.#settings);
      this.groups.set(groupId, group);
    }
    return group;
  }

  /** Resolves to the number of records read. Groups are not woken up before all is read. */
  async load(): Promise<number> {
    let count = 0;
    await this.#log.replay(this.index, (stored: StoredCoordinatorRecord) => {
      count++;
      const record = decodeGroupRecord(stored);
      if (record !== null) this.replay(record);
    });
    return count;
  }

  /**
   * Appends one atomic batch and replays it. @throws {CoordinatorAppendRejected} or whatever the log rejected with: it did not happen.
   */
  append(records: readonly GroupRecord[]): Promise<void> {
    const stored = this.#append(records);
    const tail = stored
      .catch(() => {})
      .then(() => {
        if (this.#tail === tail) this.#tail = null;
      });
    this.#tail = tail;
    return stored;
  }

  /** The same in batches, for what need not be atomic. */
  async appendInBatches(records: readonly GroupRecord[]): Promise<void> {
    for (let from = 0; from < records.length; from += RECORDS_PER_BATCH) {
      await this.append(records.slice(from, from + RECORDS_PER_BATCH));
    }
  }

  /** Waits until what is on its way has arrived; null when nothing is. */
  settled(): Promise<void> | null {
    return this.#tail;
  }

  /** Waits for exclusive operations. To be called with a gate, and to be followed by the operation without a pause. */
  async opened(): Promise<void> {
    while (this.gate !== null) await this.gate;
  }

  /** Runs `operation` with nothing on its way, and lets nobody else begin before it is over. */
  exclusively<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#afterAll(this.gate, operation);
    const gate = result
      .then(
        () => {},
        () => {},
      )
      .then(() => {
        if (this.gate === gate) this.gate = null;
      });
    this.gate = gate;
    return result;
  }

  /** The only code that changes hard state: from `append` when its records are durable, and from `load`. */
  replay(record: GroupRecord): void {
    if (record.value === null) {
      this.#replayTombstone(record);
      return;
    }
    const group = this.groupOrNew(record.groupId);
    group.hasRecords = true;
    if (record.type === "offset") group.offsets.set(record.topic, record.partition, record.value);
    else group.classic.replay(record.value);
  }

  #replayTombstone(record: GroupRecord): void {
    const group = this.groups.get(record.groupId);
    if (group === undefined) return;
    if (record.type === "offset") {
      group.offsets.delete(record.topic, record.partition);
      return;
    }
    group.classic.replay(null);
    group.hasRecords = group.offsets.count > 0;
    if (group.isAbandoned && group.offsets.count === 0) this.drop(group);
  }

  /** Forgets a group that nothing is stored of. */
  drop(group: Group): void {
    group.classic.handle("unload", { error: "COORDINATOR_NOT_AVAILABLE" });
    this.groups.delete(group.groupId);
  }

  async #append(records: readonly GroupRecord[]): Promise<void> {
    let encoded: ReturnType<typeof encodeGroupRecord>[];
    try {
      encoded = records.map(encodeGroupRecord);
    } catch (error) {
      throw new CoordinatorAppendRejected("tooLarge", error);
    }
    await this.#log.append(this.index, encoded);
    for (const record of records) this.replay(record);
  }

  async #afterAll<T>(gate: Promise<void> | null, operation: () => Promise<T>): Promise<T> {
    if (gate !== null) await gate;
    for (let tail = this.#tail; tail !== null; tail = this.#tail) await tail;
    return operation();
  }
}
