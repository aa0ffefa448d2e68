/**
 * The commit journal: what makes appends durable, for all partitions of an engine together.
 *
 * ```
 *   stage → gathering group ──seal──▶ group being written ──▶ durable: answers go out, high watermarks move
 * ```
 *
 * Group commit: while one group is being written the next gathers behind it; it is sealed as soon as the write
 * returns, or at the end of the event-loop turn when the journal is idle. One write is in flight at a time, so a group on disk implies
 * all groups before it, and replay stops at the first one that is missing or torn. When the gathering group is full,
 * {@link Journal.hasRoom} says no and the engine keeps further appends waiting, in order, until `room` is called.
 *
 * A group of a few records is written by the event loop's own thread as long as such writes are quick (inline-writes.ts): what arrives meanwhile would
 * wait for the next group anyway.
 *
 * Memory is that of slabs (slabs.ts): page-aligned, as direct I/O needs, and readable by the CRC code, so a batch is
 * copied once, checked where it lies, and read from there until it leaves memory.
 *
 * Places: journal-writer.ts. Files: journal-files.ts. Bytes: journal-format.ts. A checkpoint names the LSN and place from which replay starts ({@link Journal.cut}); files
 * that end before it are reused.
 *
 * Crash behaviour. A group is either whole (header, directory and batch CRCs agree, the key is the journal's and the LSN the expected one) or it does not exist.
 * Walk-through of kill −9 while group 7 is being written: nobody was answered for 7. On disk it is whole or torn. If whole, replay writes it once more and takes it: its batches
 * then are in the log though nobody was told, which a producer's retry finds by sequence. If torn, replay ends at 6, and the next run writes its own group 7 over it.
 *
 * A failed write fails its group and everything gathered behind it, and the engine takes all of it back. The same LSN is then written
 * to the same place again, by the next append after `retryDelayMs`, or that place is blanked before it is written to another file, so at
 * most one version of a group can ever be found.
 */
import assert from "node:assert/strict";
import type { Clock } from "@ottla/platform";
import { JournalFailed } from "./errors.ts";
import type { JournalCut, JournalFileOptions } from "./journal-files.ts";
import {
  alignUp,
  BLOCK_BYTES,
  directoryStart,
  ENTRY_BYTES,
  EntryType,
  FIRST_FRAGMENT,
  GROUP_HEADER_BYTES,
  LAST_FRAGMENT,
  setInt64,
  writeGroupHeader,
} from "./journal-format.ts";
import { Group, GroupDirectory, type GroupWaiter } from "./journal-group.ts";
import { JournalWriter } from "./journal-writer.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { LogProbe } from "./probe.ts";
import type { Slab, Slabs } from "./slabs.ts";

export interface JournalOptions extends JournalFileOptions {
  /** A slab is the limit of a group. */
  readonly slabs: Slabs;
  /** A checkpoint is due when this much would be replayed, or half of what the files may hold. */
  readonly checkpointBytes: () => number;
  readonly retryDelayMs: number;
  readonly run: number;
  /** The journal's key (journal-format.ts). */
  readonly key: number;
  readonly clock: Clock;
  readonly probe: LogProbe;
}

/** Called by the journal, always from the event loop and never from inside a staging call. Waiters may be told inside of one, by {@link Journal.wait}. */
export interface JournalHandler {
  /** The group is on stable storage. */
  durable(group: Group): void;
  /** Neither of these groups will be; `error` says why. In the order they were staged. */
  failed(groups: readonly Group[], error: JournalFailed): void;
  /** There is room again after {@link Journal.hasRoom} said no, or the journal works again. */
  room(): void;
  /** The journal needs a checkpoint to free files. */
  full(): void;
}

/** A group gathers in what is left of a slab when that is at least this share of a slab, and twice the last group. */
const SMALLEST_SHARE = 1 / 8;
/** Room kept for entries of partitions and topics that come with a batch. */
const ENTRY_RESERVE = 2 * ENTRY_BYTES + 256;

export class Journal {
  readonly #options: JournalOptions;
  readonly #handler: JournalHandler;
  readonly #writer: JournalWriter;
  readonly #slabs: Slabs;
  readonly #capacity: number;
  readonly #directory = new GroupDirectory();
  #group: Group;
  /** Begun so far. */
  #groups = 0;
  #inFlight: Group | null = null;
  /** Durable, but its waiters are not told yet. */
  #untold: Group | null = null;
  #durableLsn: number;
  #bytesSinceCut = 0;
  #scheduled = false;
  #writing: Promise<void> | null = null;
  #wasFull = false;
  /** Where the batch begins of which only the first parts are durable. */
  #largeCut: JournalCut | null = null;
  #failedUntil = 0;
  #closed = false;

  /** `lastLsn` is the last group that replay found. */
  constructor(options: JournalOptions, handler: JournalHandler, lastLsn: number) {
    this.#options = options;
    this.#handler = handler;
    this.#writer = new JournalWriter(options, options.clock, () => handler.full());
    this.#slabs = options.slabs;
    this.#capacity = options.slabs.sizeBytes;
    this.#group = this.#newGroup(this.#slabs.take(), 0);
    this.#durableLsn = lastLsn;
  }

  /** Opens the files; writing goes on at `at`, or in a free file when that is null. */
  open(at: JournalCut | null, lastLsns: ReadonlyMap<number, number>): Promise<void> {
    return this.#writer.open(at, lastLsns);
  }

  get durableLsn(): number {
    return this.#durableLsn;
  }

  /** Bytes that replay would read if the process ended now. */
  get bytesSinceCut(): number {
    return this.#bytesSinceCut;
  }

  /** Whether appends are refused for now: the last write failed a short time ago. */
  get refuses(): boolean {
    return this.#failedUntil > 0 && this.#options.clock.monotonic() < this.#failedUntil;
  }

  /** The most bytes that {@link copyIn} can ever take at once. */
  get largestPayload(): number {
    return this.#capacity - GROUP_HEADER_BYTES - ENTRY_RESERVE - 8;
  }

  /** The group that gathers now. */
  get gathering(): Group {
    return this.#group;
  }

  /** Whether a batch of this size fits the gathering group. After a no, `room` is called when it may. */
  hasRoom(payloadBytes: number): boolean {
    const group = this.#group;
    const needed =
      directoryStart(group.payloadBytes + payloadBytes) + group.directoryBytes + ENTRY_RESERVE;
    if (needed <= this.#capacity - group.base) return true;
    if (group.entries === 0 && group.base > 0 && needed <= this.#capacity) {
      this.#moveGroup(group);
      return true;
    }
    this.#wasFull = true;
    return false;
  }

  /** Copies bytes behind the payload without making them part of it; the address is for {@link crc}. */
  copyIn(bytes: Uint8Array): number {
    const at = this.#payloadEnd();
    this.#group.slab.bytes.set(bytes, at);
    return at;
  }

  /** Gives the batch last copied in its base offset and leader epoch, which its CRC does not cover. */
  stampCopied(baseOffset: number, leaderEpoch: number): void {
    const at = this.#payloadEnd();
    const { view } = this.#group.slab;
    setInt64(view, at, baseOffset);
    view.setInt32(at + 12, leaderEpoch);
  }

  #payloadEnd(): number {
    return this.#group.base + GROUP_HEADER_BYTES + this.#group.payloadBytes;
  }

  /** CRC-32C of bytes that were copied in, as an unsigned number. */
  crc(start: number, end: number): number {
    return this.#group.slab.crc(start, end);
  }

  /** Makes the `sizeBytes` last copied in part of the group. @returns where in the group's slab they are. */
  addBatch(
    log: PartitionLog,
    segmentBase: number,
    position: number,
    baseOffset: number,
    leaderEpoch: number,
    sizeBytes: number,
    crc: number,
  ): number {
    const { topic, partition } = log;
    const at = this.#payloadEnd();
    this.#directory.addBytes(
      this.#group,
      EntryType.batch,
      0,
      topic.ref,
      partition,
      sizeBytes,
      segmentBase,
      baseOffset,
      position,
      leaderEpoch,
      crc,
    );
    this.#schedule();
    this.#group.batches++;
    return at;
  }

  /** The same for a part of a batch that is larger than a group. */
  addFragment(
    log: PartitionLog,
    segmentBase: number,
    position: number,
    baseOffset: number,
    sizeBytes: number,
    crc: number,
    isFirst: boolean,
    isLast: boolean,
  ): void {
    const { topic, partition } = log;
    const group = this.#group;
    if (isFirst) group.opensLarge = true;
    if (isLast) {
      group.opensLarge = false;
      group.endsLarge = true;
    }
    this.#directory.addBytes(
      this.#group,
      EntryType.fragment,
      (isFirst ? FIRST_FRAGMENT : 0) | (isLast ? LAST_FRAGMENT : 0),
      topic.ref,
      partition,
      sizeBytes,
      segmentBase,
      baseOffset,
      position,
      0,
      crc,
    );
    this.#schedule();
  }

  /** The batch of which parts were staged last gets no last one: its parts are nobody's, and a cut need not lie before them. */
  dropLarge(): void {
    const inFlight = this.#inFlight;
    // It begins where one was opened last. A cut that is kept beside that belongs to a batch before it, whose end is on the way.
    if (this.#group.opensLarge) this.#group.opensLarge = false;
    else if (inFlight?.opensLarge === true) inFlight.opensLarge = false;
    else this.#largeCut = null;
  }

  /**
   * Adds an entry of the rare kinds, encoded by journal-format.ts. The caller made sure that {@link hasRoom}. `effect` is called once the
   * entry is durable, before any checkpoint can count it as such.
   */
  addEntry(entry: Buffer, effect: (() => void) | null = null): void {
    const group = this.#group;
    const end = directoryStart(group.payloadBytes) + group.directoryBytes + entry.length;
    assert(end <= this.#capacity - group.base, "the group has no room for an entry");
    this.#directory.addEntry(group, entry);
    if (effect !== null) group.effects.push(effect);
    this.#schedule();
  }

  /** Settles the waiter once everything staged so far is durable, in the order of the calls. */
  wait(waiter: GroupWaiter): void {
    if (this.#group.entries > 0) this.#group.waiters.push(waiter);
    else if (this.#inFlight !== null) this.#inFlight.waiters.push(waiter);
    else if (this.#untold !== null) this.#untold.waiters.push(waiter);
    else waiter.groupEnded(null);
  }

  /** Where replay would start if everything durable now were in the segments. Never between the parts of a batch. */
  cut(): JournalCut {
    return this.#largeCut ?? this.#writer.cut(this.#durableLsn + 1);
  }

  /** A checkpoint that starts at `cut` is durable: files before it may be reused. */
  release(cut: JournalCut, bytesBefore: number): void {
    this.#bytesSinceCut = Math.max(0, this.#bytesSinceCut - bytesBefore);
    this.#writer.release(cut);
  }

  /** Counts bytes that were found on disk at start-up. */
  countReplayed(bytes: number): void {
    this.#bytesSinceCut += bytes;
  }

  /** Whether a group waits for a file, which a checkpoint may free. */
  get isWaiting(): boolean {
    return this.#writer.isWaiting;
  }

  /** The largest batch that may be staged in parts: its parts stay in the journal until the last one is there. */
  get largestBatch(): number {
    return Math.floor(this.#options.maxBytes / 2);
  }

  /** Before files are removed or replaced for which an entry speaks: also with relaxed acks it must be on stable storage first. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** A checkpoint could free nothing: what waits for a file fails. */
  refuseWaiting(): void {
    this.#writer.refuseWaiting();
  }

  /** No checkpoint will free a file any more: what waits for one fails. */
  giveUp(): Promise<void> {
    return this.#writer.close();
  }

  /** What failed last and was not written since is not found by the next start. Only when nothing is staged or being written. */
  blankFailed(): Promise<void> {
    return this.#writer.blankFailed();
  }

  /** Waits until nothing is staged or being written. */
  async drain(): Promise<void> {
    while (this.#writing !== null || this.#group.entries > 0) {
      this.#start();
      await this.#writing;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.drain();
    await this.#writer.close();
  }

  /** Closes the files without writing what is staged. A group that waits for a file fails. */
  async abandon(): Promise<void> {
    this.#closed = true;
    this.#writer.refuseWaiting();
    await this.#writing?.catch(() => {});
    await this.#writer.close();
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing !== null) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#start();
    });
  }

  #start(): void {
    if (this.#writing !== null || this.#group.entries === 0) return;
    this.#writing = this.#writeGroups().finally(() => {
      this.#writing = null;
      if (this.#group.entries > 0) this.#schedule();
    });
  }

  async #writeGroups(): Promise<void> {
    while (this.#group.entries > 0) {
      const group = this.#group;
      const sizeBytes = this.#seal(group);
      // The disk has its work before the waiters of the last group, and those who wait for room, take the processor, unless that work takes this thread.
      if (this.#writer.writesInline(sizeBytes)) this.#tellWaiters();
      const bytes = group.slab.bytes.subarray(group.base, group.base + sizeBytes);
      const written = this.#writer.write(bytes, group.makesRoom);
      this.#tellWaiters();
      this.#offerRoom();
      try {
        const tookMs = await written;
        this.#failedUntil = 0;
        this.#options.probe.journalWritten(sizeBytes, group.batches, tookMs);
      } catch (cause) {
        this.#inFlight = null;
        this.#fail(group, cause);
        continue;
      }
      // First, so that whoever waits for memory finds what a group without batches leaves.
      this.#slabs.letGo(group.slab);
      this.#complete(group, sizeBytes);
      this.#offerRoom();
    }
    this.#tellWaiters();
  }

  /** The last group is durable: whoever waited for it goes on, and so do those who come meanwhile and have nothing to wait for. */
  #tellWaiters(): void {
    const group = this.#untold;
    if (group === null) return;
    const { waiters } = group;
    for (let i = 0; i < waiters.length; i++) waiters[i]!.groupEnded(null);
    this.#untold = null;
  }

  #newGroup(slab: Slab, base: number): Group {
    this.#slabs.hold(slab);
    return new Group(++this.#groups, slab, base);
  }

  /** Where the next group gathers: behind this one, or in a new slab when little is left. */
  #groupBehind({ slab, base }: Group, sizeBytes: number): Group {
    const next = base + sizeBytes;
    const wanted = Math.min(
      this.#capacity,
      Math.max(this.#capacity * SMALLEST_SHARE, 2 * sizeBytes),
    );
    if (this.#capacity - next >= wanted) return this.#newGroup(slab, next);
    this.#slabs.retire(slab);
    return this.#newGroup(this.#slabs.take(), 0);
  }

  /** Gives an empty group a slab of its own. */
  #moveGroup(group: Group): void {
    this.#slabs.retire(group.slab);
    this.#slabs.letGo(group.slab);
    group.slab = this.#slabs.take();
    this.#slabs.hold(group.slab);
    group.base = 0;
  }

  /** Completes the group's bytes and lets the next gather. */
  #seal(group: Group): number {
    const { slab, base } = group;
    const directoryAt = base + directoryStart(group.payloadBytes);
    this.#directory.copyTo(slab.bytes, directoryAt, group);
    const end = directoryAt + group.directoryBytes;
    const sizeBytes = alignUp(end - base);
    slab.bytes.fill(0, end, base + sizeBytes);
    group.lsn = this.#durableLsn + 1;
    writeGroupHeader(slab.view, base, {
      sizeBytes,
      lsn: group.lsn,
      run: this.#options.run,
      payloadBytes: group.payloadBytes,
      directoryBytes: group.directoryBytes,
      entries: group.entries,
      directoryCrc: slab.crc(directoryAt, end),
      key: this.#options.key,
    });
    slab.view.setUint32(base + 60, slab.crc(base, base + 60));
    for (const log of group.touched) {
      log.gatheringGroup = 0;
      group.ends.push(log.logEnd);
      group.bytes.push(log.gatheredBytes);
      log.gatheredBytes = 0;
    }
    // Before anybody stages anew: whoever then has nothing to add waits for this group.
    this.#inFlight = group;
    this.#group = this.#groupBehind(group, sizeBytes);
    return sizeBytes;
  }

  /** The group counts from here on: in one step with what its partitions make of it, as {@link cut} may be called at any time. */
  #complete(group: Group, sizeBytes: number): void {
    if (group.endsLarge) this.#largeCut = null;
    if (group.opensLarge) this.#largeCut = this.#writer.cut(this.#durableLsn + 1);
    this.#writer.advance(group.lsn, sizeBytes);
    this.#durableLsn = group.lsn;
    this.#bytesSinceCut += sizeBytes;
    this.#inFlight = null;
    this.#untold = group;
    for (const effect of group.effects) effect();
    this.#handler.durable(group);
    this.#writer.prepareNext();
    const { maxBytes, checkpointBytes } = this.#options;
    if (this.#bytesSinceCut > Math.min(checkpointBytes(), maxBytes / 2)) this.#handler.full();
  }

  #fail(group: Group, cause: unknown): void {
    const error = new JournalFailed(cause);
    this.#writer.fail();
    this.#failedUntil = this.#options.clock.monotonic() + this.#options.retryDelayMs;
    this.#options.probe.storageFailed(error);
    const gathered = this.#group;
    this.#largeCut = null;
    for (const log of gathered.touched) log.gatheringGroup = 0;
    this.#group = this.#newGroup(gathered.slab, gathered.base);
    this.#handler.failed([group, gathered], error);
    this.#slabs.letGo(group.slab);
    this.#slabs.letGo(gathered.slab);
    for (const waiter of group.waiters) waiter.groupEnded(error);
    for (const waiter of gathered.waiters) waiter.groupEnded(error);
    // Also those who waited for memory, which what failed has left.
    this.#wasFull = false;
    this.#handler.room();
  }

  #offerRoom(): void {
    if (!this.#wasFull) return;
    this.#wasFull = false;
    this.#handler.room();
  }
}

/** Groups are whole blocks, so any multiple of a block is a place where one may start. */
export const GROUP_ALIGNMENT = BLOCK_BYTES;
