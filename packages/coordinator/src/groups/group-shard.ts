/**
 * One shard: the groups of one partition of `__consumer_offsets`, and the order in which their records reach it.
 *
 * An operation looks at the state, decides, and calls `append` in one go. The records are replayed into the state when they are
 * durable, in the order of the calls. So an operation does not see what is still on its way. That is right for commits and joins,
 * whose records replace each other whole; it is not for those that delete what they find: an expiry that did not see a fresh
 * commit would delete it. Those run `exclusively`: what is on its way is let in first, and what comes meanwhile waits (`gate`).
 *
 * All of it goes when the log does, that is when its topic is deleted (`refresh`): groups would go on with offsets that the next start does not find.
 *
 * Ends of transactions do not wait at the gate: by the time we hear of one, its marker has its place in the log. That is no harm. They make
 * offsets visible that were pending, and what deletes an offset deletes the pending ones with it.
 */

import { appendInBatches, type Remainder } from "../batches.ts";
import type { CoordinatorLog, ProducerIdentity } from "../coordinator-log.ts";
import type { DeadlineOwner } from "../deadline-queue.ts";
import { CoordinatorAppendRejected, type GroupErrorName } from "../errors.ts";
import { ClassicGroup, type ClassicGroupSettings } from "./classic-group.ts";
import { GroupOffsets, storedOffset } from "./group-offsets.ts";
import type { CompletedTransaction } from "./offset-types.ts";
import { PendingOffsets } from "./pending-offsets.ts";
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

const NO_PRODUCER = -1;

export class GroupShard {
  readonly index: number;
  readonly groups = new Map<string, Group>();
  readonly pending = new PendingOffsets();
  /** Why requests are turned away; NONE once loaded. */
  status: GroupErrorName = "COORDINATOR_LOAD_IN_PROGRESS";
  /** Resolves when an exclusive operation, and those queued behind it, are over; null when there is none. */
  gate: Promise<void> | null = null;
  /** Resolves when the shard is loaded, or will not be. */
  readonly ready: Promise<void>;
  readonly becomeReady: () => void;
  readonly #log: CoordinatorLog;
  readonly #settings: ClassicGroupSettings;
  /** Resolves when all that is on its way has been replayed or has failed; null when nothing is. */
  #tail: Promise<void> | null = null;
  /** The log that the state is of; null before there is one. */
  #incarnation: string | null;
  /** How often the log has gone. */
  #losses = 0;
  /** The place in the log of the record replayed last; exact at start-up, counted on from there. */
  #logPosition = -1;

  constructor(index: number, log: CoordinatorLog, settings: ClassicGroupSettings) {
    this.index = index;
    this.#log = log;
    this.#incarnation = log.incarnation;
    this.#settings = settings;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.becomeReady = resolve;
  }

  /** Forgets everything if the log that it was in is gone. To be called before the state is looked at. */
  refresh(): void {
    const { incarnation } = this.#log;
    if (incarnation === this.#incarnation) return;
    if (this.#incarnation !== null) {
      this.#losses++;
      this.unload();
    }
    this.#incarnation = incarnation;
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
    const losses = this.#losses;
    await this.#log.replay(
      this.index,
      (stored) => {
        count++;
        this.#logPosition = stored.offset - 1;
        const record = decodeGroupRecord(stored);
        if (record !== null) this.replay(record, stored.producerId);
      },
      (marker) => this.#complete(marker),
    );
    this.refresh();
    if (losses !== this.#losses) this.unload();
    return count;
  }

  /**
   * Appends one atomic batch and replays it; with a producer, as part of its transaction. The batch is queued before this returns.
   * @throws {CoordinatorAppendRejected} or whatever the log rejected with: it did not happen.
   */
  append(records: readonly GroupRecord[], producer?: ProducerIdentity): Promise<void> {
    const losses = this.#losses;
    this.refresh();
    // What was decided on is no more.
    if (losses !== this.#losses) return Promise.reject(new CoordinatorAppendRejected("notOwner"));
    return this.#inOrder(this.#write(records, producer), () => {
      this.refresh();
      if (losses !== this.#losses) throw new CoordinatorAppendRejected("notOwner");
      for (const record of records) this.replay(record, producer?.producerId ?? NO_PRODUCER);
    });
  }

  /** Ends a transaction whose marker has been queued in this shard just now, if and when `stored` tells that it is durable. */
  completeTransaction(end: CompletedTransaction, stored: Promise<boolean>): Promise<void> {
    const losses = this.#losses;
    const loaded = Promise.all([stored, this.ready]);
    return this.#inOrder(loaded, ([isStored]) => {
      this.refresh();
      if (isStored && losses === this.#losses) this.#complete(end);
    });
  }

  /** The same in batches, for what need not be atomic. Resolves to what did not happen. */
  appendInBatches(records: readonly GroupRecord[]): Promise<Remainder<GroupRecord>> {
    return appendInBatches(records, (batch) => this.append(batch));
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

  /** Changes hard state, as `#complete` does and nothing else: from `append` when its records are durable, and from `load`. */
  replay(record: GroupRecord, producerId: number): void {
    this.#logPosition++;
    if (record.value === null) {
      this.#replayTombstone(record);
      return;
    }
    const group = this.groupOrNew(record.groupId);
    group.hasRecords = true;
    if (record.type === "metadata") {
      group.classic.replay(record.value);
      return;
    }
    const { groupId, topic, partition } = record;
    const offset = storedOffset(record.value, this.#logPosition);
    if (producerId < 0) group.offsets.set(topic, partition, offset);
    else this.pending.add(producerId, groupId, topic, partition, offset);
  }

  #replayTombstone(record: GroupRecord): void {
    const { groupId } = record;
    if (record.type === "offset") {
      this.pending.delete(groupId, record.topic, record.partition);
      this.groups.get(groupId)?.offsets.delete(record.topic, record.partition);
      return;
    }
    const group = this.groups.get(groupId);
    if (group === undefined) return;
    group.classic.replay(null);
    group.hasRecords = !this.#isWithoutOffsets(group);
    if (group.isAbandoned && !group.hasRecords) this.drop(group);
  }

  /** Whether nothing is committed in a group, nor about to be by an open transaction. */
  #isWithoutOffsets({ groupId, offsets }: Group): boolean {
    return offsets.count === 0 && !this.pending.hasGroup(groupId);
  }

  /** What the producer has pending counts, or is dropped. A commit that was written later than a pending one stays (TX13). */
  #complete({ producerId, commit }: CompletedTransaction): void {
    for (const [groupId, pending] of this.pending.take(producerId)) {
      if (!commit) continue;
      const { offsets } = this.groupOrNew(groupId);
      for (const [topic, partitions] of pending.topics()) {
        for (const [partition, offset] of partitions) {
          const known = offsets.get(topic, partition);
          if (known === undefined || known.logPosition < offset.logPosition) {
            offsets.set(topic, partition, offset);
          }
        }
      }
    }
  }

  /** Forgets everything; who waits is told to look for the coordinator again. */
  unload(): void {
    for (const { classic } of this.groups.values()) {
      classic.handle("unload", { error: "NOT_COORDINATOR" });
      classic.members.forget();
    }
    this.groups.clear();
    this.pending.clear();
  }

  /** Forgets a group that nothing is stored of. */
  drop(group: Group): void {
    group.classic.handle("unload", { error: "COORDINATOR_NOT_AVAILABLE" });
    this.groups.delete(group.groupId);
  }

  /** Forgets a group that has no members and has stored nothing. @returns whether it was one */
  dropUnused(group: Group): boolean {
    const isUnused =
      group.classic.state === "Empty" &&
      group.classic.members.size === 0 &&
      !group.hasRecords &&
      this.#isWithoutOffsets(group);
    if (isUnused) this.drop(group);
    return isUnused;
  }

  #write(records: readonly GroupRecord[], producer?: ProducerIdentity): Promise<void> {
    let encoded: ReturnType<typeof encodeGroupRecord>[];
    try {
      encoded = records.map(encodeGroupRecord);
    } catch (error) {
      return Promise.reject(new CoordinatorAppendRejected("tooLarge", error));
    }
    return this.#log.append(this.index, encoded, producer);
  }

  /** Applies what `stored` resolves to, after all that was put in order before. */
  #inOrder<T>(stored: Promise<T>, apply: (result: T) => void): Promise<void> {
    const applied = this.#applyAfter(this.#tail, stored, apply);
    const tail = applied
      .catch(() => {})
      .then(() => {
        if (this.#tail === tail) this.#tail = null;
      });
    this.#tail = tail;
    return applied;
  }

  async #applyAfter<T>(
    before: Promise<void> | null,
    stored: Promise<T>,
    apply: (result: T) => void,
  ): Promise<void> {
    // It may fail while we wait for those before it.
    stored.catch(() => {});
    if (before !== null) await before;
    apply(await stored);
  }

  async #afterAll<T>(gate: Promise<void> | null, operation: () => Promise<T>): Promise<T> {
    if (gate !== null) await gate;
    // What comes after this are ends of transactions and generations, which nobody here waits for: there may always be one more.
    if (this.#tail !== null) await this.#tail;
    return operation();
  }
}
