/** A group as it gathers: what is written by one call, its directory, and who waits for it. */
import type { JournalFailed } from "./errors.ts";
import { ENTRY_BYTES, writeBatchEntry } from "./journal-format.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { Slab } from "./slabs.ts";

/** Whoever waits for a group. */
export interface GroupWaiter {
  /** It is durable, or why not. */
  groupEnded(error: JournalFailed | null): void;
}

/** What is written by one call. */
export class Group {
  /** Its number, from 1 on. */
  readonly serial: number;
  /** Where it gathers, and from where on. */
  slab: Slab;
  base: number;
  /** 0 until sealed. */
  lsn = 0;
  payloadBytes = 0;
  directoryBytes = 0;
  entries = 0;
  batches = 0;
  /** Whether all of it may be steps to more room: then it may take what is kept for those. */
  makesRoom = true;
  /** Partitions with a batch in this group, each once; the log end each has once the group is durable, and the bytes it then has gained. */
  touched: PartitionLog[] = [];
  ends: number[] = [];
  bytes: number[] = [];
  waiters: GroupWaiter[] = [];
  /** What entries change in memory, in the step in which the group becomes durable. */
  effects: (() => void)[] = [];
  /** Whether a batch staged in parts ends here, and whether one that begins here ends later. */
  endsLarge = false;
  opensLarge = false;

  constructor(serial: number, slab: Slab, base: number) {
    this.serial = serial;
    this.slab = slab;
    this.base = base;
  }
}

/** The directory of the group that gathers; its memory serves one group after the other. */
export class GroupDirectory {
  #bytes = Buffer.alloc(16_384);
  #view = new DataView(this.#bytes.buffer);

  /** Adds the entry of bytes that were copied behind the group's payload, and makes them part of it. */
  addBytes(
    group: Group,
    type: number,
    flags: number,
    topicRef: number,
    partition: number,
    sizeBytes: number,
    segmentBase: number,
    baseOffset: number,
    position: number,
    leaderEpoch: number,
    crc: number,
  ): void {
    this.#reserve(group, ENTRY_BYTES);
    writeBatchEntry(
      this.#view,
      group.directoryBytes,
      type,
      flags,
      topicRef,
      partition,
      sizeBytes,
      segmentBase,
      baseOffset,
      position,
      leaderEpoch,
      group.payloadBytes,
      crc,
    );
    group.directoryBytes += ENTRY_BYTES;
    group.payloadBytes += sizeBytes;
    group.entries++;
  }

  /** Adds an encoded entry. */
  addEntry(group: Group, entry: Buffer): void {
    this.#reserve(group, entry.length);
    entry.copy(this.#bytes, group.directoryBytes);
    group.directoryBytes += entry.length;
    group.entries++;
  }

  /** Copies the group's directory to `target`, which starts at `at`. */
  copyTo(target: Uint8Array, at: number, group: Group): void {
    target.set(this.#bytes.subarray(0, group.directoryBytes), at);
  }

  #reserve(group: Group, bytes: number): void {
    const needed = group.directoryBytes + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, group.directoryBytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer, larger.byteOffset, larger.length);
  }
}
