/**
 * The bytes of the commit journal.
 *
 * The journal is one sequence of *groups*, numbered by a log sequence number (LSN) that grows by one and is never reused for a group
 * that became durable. A group is written by one call, at a multiple of 4 KiB, and is padded to 4 KiB:
 *
 * | at | bytes | |
 * |---|---|---|
 * | 0 | 4 | magic `OTJ1` |
 * | 4 | 4 | size of the group in the file, a multiple of 4096 |
 * | 8 | 8 | LSN |
 * | 16 | 8 | run: random, drawn at each start of the engine |
 * | 24 | 4 | payload bytes |
 * | 28 | 4 | directory bytes |
 * | 32 | 4 | directory entries |
 * | 36 | 4 | CRC-32C of the directory |
 * | 40 | 8 | key of the journal; zero in groups written before there was one |
 * | 48 | 12 | zero |
 * | 60 | 4 | CRC-32C of the 60 bytes before |
 * | 64 | … | payload: record batches one after the other, as they stand in their segments |
 * | … | … | directory: entries of {@link ENTRY_BYTES} bytes, some followed by text |
 *
 * All integers are big-endian. A directory entry:
 *
 * | at | bytes | batch, fragment | topic | logStart | deleteTopic | start |
 * |---|---|---|---|---|---|---|
 * | 0 | 1 | type | type | type | type | type |
 * | 1 | 1 | flags (fragment: 1 = last, 2 = first) | bytes of the name that follows | | | |
 * | 4 | 4 | topic reference | topic reference | topic reference | | leader epoch |
 * | 8 | 4 | partition | | partition | | |
 * | 12 | 4 | bytes in the payload | | | | |
 * | 16 | 8 | segment base offset | topic id (16 bytes) | new log start | topic id (16 bytes) | run |
 * | 24 | 8 | batch base offset | | | | |
 * | 32 | 4 | position in the segment | | | | |
 * | 36 | 4 | leader epoch | | | | |
 * | 40 | 4 | where in the payload | | | | |
 * | 44 | 4 | CRC of the batch (from its header), or of the fragment's bytes | | | | |
 *
 * A *cleaned* entry (7) has the topic reference at 4, the partition at 8, the size of the new segment at 12, its base offset at 16, the offset
 * where the last replaced segment ends at 24, the number of the replacement at 32, and behind its first 48 bytes, which are zero from 36 on:
 * max timestamp i64, its offset i64, first timestamp i64, created i64, cleaned offset i64, entries in .index u32, .timeindex u32, .txnindex
 * u32, zero u32.
 *
 * The payload is anybody's bytes, and may look like groups at any place. The key is drawn by the first start in a directory and kept in the
 * checkpoint; no client knows it, so what carries it was written by the engine. (The first block of a file is never payload.)
 *
 * The payload has no checksum of its own: a batch carries one over everything behind its first 21 bytes, and those 21 bytes (base
 * offset, size, leader epoch, magic, CRC) are repeated in the entry, which the directory's CRC covers. So a torn write anywhere in a
 * group is found without reading the bytes twice when they are written.
 *
 * A *topic* entry says which topic a reference means from there on. References are announced again after every cut (see journal.ts), so
 * replay from a checkpoint needs no file but the journal.
 */

export const GROUP_MAGIC = 0x4f54_4a31;
export const GROUP_HEADER_BYTES = 64;
export const ENTRY_BYTES = 48;
/** Groups start and end at multiples of this. */
export const BLOCK_BYTES = 4096;

export const EntryType = {
  batch: 1,
  fragment: 2,
  topic: 3,
  logStart: 4,
  deleteTopic: 5,
  start: 6,
  cleaned: 7,
} as const;

export interface GroupHeader {
  readonly sizeBytes: number;
  readonly lsn: number;
  readonly run: number;
  readonly payloadBytes: number;
  readonly directoryBytes: number;
  readonly entries: number;
  readonly directoryCrc: number;
  readonly key: number;
}

/** One entry of a group's directory, as replay sees it. `bytes` is a view of the group that was read. */
export type JournalEntry =
  | {
      readonly type: "batch";
      readonly topicRef: number;
      readonly partition: number;
      readonly segmentBase: number;
      readonly baseOffset: number;
      readonly position: number;
      readonly leaderEpoch: number;
      readonly bytes: Buffer;
    }
  | {
      readonly type: "fragment";
      readonly topicRef: number;
      readonly partition: number;
      readonly segmentBase: number;
      readonly baseOffset: number;
      readonly position: number;
      readonly isFirst: boolean;
      readonly isLast: boolean;
      readonly bytes: Buffer;
    }
  | {
      readonly type: "topic";
      readonly topicRef: number;
      readonly topicId: string;
      readonly name: string;
    }
  | {
      readonly type: "logStart";
      readonly topicRef: number;
      readonly partition: number;
      readonly offset: number;
    }
  | { readonly type: "deleteTopic"; readonly topicId: string }
  | { readonly type: "start"; readonly leaderEpoch: number }
  | CleanedEntry;

/** One segment has taken the place of those from `base` to before `end`. */
export interface CleanedEntry {
  readonly type: "cleaned";
  readonly topicRef: number;
  readonly partition: number;
  readonly base: number;
  readonly end: number;
  /** Number of the replacement in its partition, from 1. */
  readonly cleaning: number;
  readonly cleanedOffset: number;
  readonly sizeBytes: number;
  readonly maxTimestamp: number;
  readonly maxTimestampOffset: number;
  readonly firstTimestamp: number;
  readonly createdMs: number;
  readonly offsetEntries: number;
  readonly timeEntries: number;
  readonly abortedEntries: number;
}

const TWO_32 = 0x1_0000_0000;

/** Rounds up to a whole number of blocks. */
export function alignUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Where the directory of a group with this payload starts. */
export function directoryStart(payloadBytes: number): number {
  return GROUP_HEADER_BYTES + ((payloadBytes + 7) & ~7);
}

/** Writes the header of a group at `at`; the last four bytes are left for its CRC. */
export function writeGroupHeader(view: DataView, at: number, header: GroupHeader): void {
  view.setUint32(at, GROUP_MAGIC);
  view.setUint32(at + 4, header.sizeBytes);
  setInt64(view, at + 8, header.lsn);
  setInt64(view, at + 16, header.run);
  view.setUint32(at + 24, header.payloadBytes);
  view.setUint32(at + 28, header.directoryBytes);
  view.setUint32(at + 32, header.entries);
  view.setUint32(at + 36, header.directoryCrc);
  setInt64(view, at + 40, header.key);
  for (let i = 48; i < 64; i += 4) view.setUint32(at + i, 0);
}

/** The header at the start of `bytes`, or null when there is none: the end of the journal, or a torn write. */
export function readGroupHeader(
  bytes: Buffer,
  crc32c: (bytes: Buffer, start: number, end: number) => number,
): GroupHeader | null {
  if (bytes.length < GROUP_HEADER_BYTES || bytes.readUInt32BE(0) !== GROUP_MAGIC) return null;
  if (crc32c(bytes, 0, 60) !== bytes.readUInt32BE(60)) return null;
  return {
    sizeBytes: bytes.readUInt32BE(4),
    lsn: getInt64(bytes, 8),
    run: getInt64(bytes, 16),
    payloadBytes: bytes.readUInt32BE(24),
    directoryBytes: bytes.readUInt32BE(28),
    entries: bytes.readUInt32BE(32),
    directoryCrc: bytes.readUInt32BE(36),
    key: getInt64(bytes, 40),
  };
}

/** Flags of a fragment. */
export const LAST_FRAGMENT = 1;
export const FIRST_FRAGMENT = 2;

/** Writes a batch or fragment entry. */
export function writeBatchEntry(
  view: DataView,
  at: number,
  type: number,
  flags: number,
  topicRef: number,
  partition: number,
  sizeBytes: number,
  segmentBase: number,
  baseOffset: number,
  position: number,
  leaderEpoch: number,
  payloadAt: number,
  crc: number,
): void {
  view.setUint8(at, type);
  view.setUint8(at + 1, flags);
  view.setUint16(at + 2, 0);
  view.setUint32(at + 4, topicRef);
  view.setInt32(at + 8, partition);
  view.setUint32(at + 12, sizeBytes);
  setInt64(view, at + 16, segmentBase);
  setInt64(view, at + 24, baseOffset);
  view.setUint32(at + 32, position);
  view.setInt32(at + 36, leaderEpoch);
  view.setUint32(at + 40, payloadAt);
  view.setUint32(at + 44, crc);
}

/** The rare entries, as bytes ready to be copied into a directory. */
export function encodeTopicEntry(topicRef: number, topicId: string, name: string): Buffer {
  const text = Buffer.from(name, "utf8");
  const entry = Buffer.alloc(ENTRY_BYTES + ((text.length + 7) & ~7));
  entry[0] = EntryType.topic;
  entry[1] = text.length;
  entry.writeUInt32BE(topicRef, 4);
  Buffer.from(topicId, "base64url").copy(entry, 16, 0, 16);
  text.copy(entry, ENTRY_BYTES);
  return entry;
}

export function encodeLogStartEntry(topicRef: number, partition: number, offset: number): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES);
  entry[0] = EntryType.logStart;
  entry.writeUInt32BE(topicRef, 4);
  entry.writeInt32BE(partition, 8);
  entry.writeBigInt64BE(BigInt(offset), 16);
  return entry;
}

export function encodeDeleteTopicEntry(topicId: string): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES);
  entry[0] = EntryType.deleteTopic;
  Buffer.from(topicId, "base64url").copy(entry, 16, 0, 16);
  return entry;
}

export function encodeStartEntry(leaderEpoch: number, run: number): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES);
  entry[0] = EntryType.start;
  entry.writeInt32BE(leaderEpoch, 4);
  entry.writeBigInt64BE(BigInt(run), 16);
  return entry;
}

/** Bytes that a cleaned entry has behind the first ones. */
const CLEANED_BYTES = 56;
/** Room to ask for before a cleaned entry. */
export const ENTRY_ROOM = ENTRY_BYTES + CLEANED_BYTES;

export function encodeCleanedEntry(cleaned: CleanedEntry): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES + CLEANED_BYTES);
  entry[0] = EntryType.cleaned;
  entry.writeUInt32BE(cleaned.topicRef, 4);
  entry.writeInt32BE(cleaned.partition, 8);
  entry.writeUInt32BE(cleaned.sizeBytes, 12);
  entry.writeBigInt64BE(BigInt(cleaned.base), 16);
  entry.writeBigInt64BE(BigInt(cleaned.end), 24);
  entry.writeUInt32BE(cleaned.cleaning, 32);
  entry.writeBigInt64BE(BigInt(cleaned.maxTimestamp), 48);
  entry.writeBigInt64BE(BigInt(cleaned.maxTimestampOffset), 56);
  entry.writeBigInt64BE(BigInt(cleaned.firstTimestamp), 64);
  entry.writeBigInt64BE(BigInt(cleaned.createdMs), 72);
  entry.writeBigInt64BE(BigInt(cleaned.cleanedOffset), 80);
  entry.writeUInt32BE(cleaned.offsetEntries, 88);
  entry.writeUInt32BE(cleaned.timeEntries, 92);
  entry.writeUInt32BE(cleaned.abortedEntries, 96);
  return entry;
}

/** All entries of a group in order, or null when its bytes are not those that were meant: a torn write. */
export function readGroupEntries(
  header: GroupHeader,
  group: Buffer,
  crc32c: (bytes: Buffer, start: number, end: number) => number,
): readonly JournalEntry[] | null {
  const start = directoryStart(header.payloadBytes);
  const end = start + header.directoryBytes;
  if (end > group.length || crc32c(group, start, end) !== header.directoryCrc) return null;
  const entries: JournalEntry[] = [];
  let at = start;
  for (let i = 0; i < header.entries; i++) {
    if (at + ENTRY_BYTES > end) return null;
    const entry = readEntry(group, at, crc32c);
    if (entry === null) return null;
    entries.push(entry);
    at += ENTRY_BYTES;
    if (entry.type === "topic") at += (group[at - ENTRY_BYTES + 1]! + 7) & ~7;
    if (entry.type === "cleaned") at += CLEANED_BYTES;
  }
  return at === end ? entries : null;
}

function readEntry(
  group: Buffer,
  at: number,
  crc32c: (bytes: Buffer, start: number, end: number) => number,
): JournalEntry | null {
  const type = group[at];
  const topicRef = group.readUInt32BE(at + 4);
  const partition = group.readInt32BE(at + 8);
  switch (type) {
    case EntryType.batch:
    case EntryType.fragment: {
      const sizeBytes = group.readUInt32BE(at + 12);
      const segmentBase = getInt64(group, at + 16);
      const baseOffset = getInt64(group, at + 24);
      const position = group.readUInt32BE(at + 32);
      const leaderEpoch = group.readInt32BE(at + 36);
      const payloadAt = GROUP_HEADER_BYTES + group.readUInt32BE(at + 40);
      const crc = group.readUInt32BE(at + 44);
      if (payloadAt + sizeBytes > group.length) return null;
      const bytes = group.subarray(payloadAt, payloadAt + sizeBytes);
      const common = { topicRef, partition, segmentBase, baseOffset, position, bytes };
      if (type === EntryType.fragment) {
        if (crc32c(group, payloadAt, payloadAt + sizeBytes) !== crc) return null;
        const flags = group[at + 1]!;
        return {
          type: "fragment",
          ...common,
          isFirst: (flags & FIRST_FRAGMENT) !== 0,
          isLast: (flags & LAST_FRAGMENT) !== 0,
        };
      }
      const isIntact =
        sizeBytes >= 61 &&
        getInt64(bytes, 0) === baseOffset &&
        bytes.readInt32BE(8) === sizeBytes - 12 &&
        bytes.readInt32BE(12) === leaderEpoch &&
        bytes[16] === 2 &&
        bytes.readUInt32BE(17) === crc &&
        crc32c(group, payloadAt + 21, payloadAt + sizeBytes) === crc;
      return isIntact ? { type: "batch", ...common, leaderEpoch } : null;
    }
    case EntryType.topic: {
      const nameAt = at + ENTRY_BYTES;
      return {
        type: "topic",
        topicRef,
        topicId: group.toString("base64url", at + 16, at + 32),
        name: group.toString("utf8", nameAt, nameAt + group[at + 1]!),
      };
    }
    case EntryType.logStart:
      return { type: "logStart", topicRef, partition, offset: getInt64(group, at + 16) };
    case EntryType.deleteTopic:
      return { type: "deleteTopic", topicId: group.toString("base64url", at + 16, at + 32) };
    case EntryType.cleaned:
      if (at + ENTRY_BYTES + CLEANED_BYTES > group.length) return null;
      return {
        type: "cleaned",
        topicRef,
        partition,
        base: getInt64(group, at + 16),
        end: getInt64(group, at + 24),
        cleaning: group.readUInt32BE(at + 32),
        cleanedOffset: getInt64(group, at + 80),
        sizeBytes: group.readUInt32BE(at + 12),
        maxTimestamp: getInt64(group, at + 48),
        maxTimestampOffset: getInt64(group, at + 56),
        firstTimestamp: getInt64(group, at + 64),
        createdMs: getInt64(group, at + 72),
        offsetEntries: group.readUInt32BE(at + 88),
        timeEntries: group.readUInt32BE(at + 92),
        abortedEntries: group.readUInt32BE(at + 96),
      };
    case EntryType.start:
      return { type: "start", leaderEpoch: group.readInt32BE(at + 4) };
    default:
      return null;
  }
}

/** Offsets and LSNs are numbers below 2^53 (decision: int64 as number). */
export function setInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / TWO_32));
  view.setUint32(at + 4, value >>> 0);
}

export function getInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);
}
