/**
 * The checkpoint file, `log-checkpoint`: what every partition looks like up to the bytes that are certainly in its segments, and from which
 * LSN the journal must be replayed onto that. It replaces the walk over all folders with which a start would otherwise begin.
 *
 * | at | bytes | |
 * |---|---|---|
 * | 0 | 4 | magic `OTC1` |
 * | 4 | 4 | flags: 1 = written by a clean stop, 2 = with the journal's key |
 * | 8 | 8 | LSN of the first group to replay |
 * | 16 | 4, 4 | journal file and position where that group is, or would be |
 * | 24 | 4 | leader epoch |
 * | 28 | 4 | next topic reference |
 * | 32 | 4 | topics |
 * | 36 | … | per topic: reference u32, id 16 bytes, name u16 + text, partitions u32, then each: size u32 and that many bytes |
 * | end − 12 | 8 | the key that the journal's groups carry (journal-format.ts); earlier versions wrote none |
 * | end − 4 | 4 | CRC-32C of all before |
 *
 * A partition: number i32, log start i64, end i64, −1 i64, segments u32 (base i64, size u32, max timestamp i64, its
 * offset i64, first timestamp i64, created i64, finished u8, offset entries u32, time entries u32), leader epochs u32 (epoch i32, start i64),
 * producers u32 (id i64, last seen i64, −1 i32, −1 i64, batches u8: epoch i16, first sequence i32, last sequence i32, base offset i64,
 * last offset i64, timestamp i64). Where there have been transactions there follow: producers u32 (id i64, last seen i64, offset i64,
 * epoch i16, coordinator epoch i32, open transaction i64, timestamp i64: the last mark of each), segments with aborted transactions u32
 * (base i64, entries in its file u32, others u32, and those in the format of the file); and where the log was cleaned: number of replacements
 * u32, cleaned offset i64.
 *
 * The file is replaced atomically, so there is always a whole one. One that fails its CRC is corruption, which is reported.
 */
import { crc32c } from "@ottla/protocol";
import { CorruptLog } from "./errors.ts";
import type { JournalCut } from "./journal-files.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import type { PartitionLog } from "./partition-log.ts";
import {
  type ProducerBatch,
  type ProducerEntry,
  ProducerStates,
  type TransactionMark,
} from "./producer-state.ts";
import { Segment } from "./segment.ts";
import {
  ABORTED_ENTRY_BYTES,
  type AbortedTransaction,
  decodeAborted,
  encodeAborted,
} from "./transaction-index.ts";

export const CHECKPOINT_FILE = "log-checkpoint";
const MAGIC = 0x4f54_4331;
const HEADER_BYTES = 36;
const IS_CLEAN = 1;
const HAS_KEY = 2;
const KEY_BYTES = 8;
const SEGMENT_BYTES = 53;
const REMEMBERED_BATCHES = 5;
const MARK_BYTES = 46;

export interface CheckpointHeader {
  readonly isClean: boolean;
  readonly cut: JournalCut;
  readonly leaderEpoch: number;
  readonly nextTopicRef: number;
  /** null when groups may carry any: the version that wrote the checkpoint had none. */
  readonly journalKey: number | null;
}

export interface CheckpointTopic {
  readonly ref: number;
  readonly topicId: string;
  readonly name: string;
  /** Encoded by {@link encodePartition}; each is a view of the file that was read, or a buffer of its own. */
  readonly partitions: readonly Buffer[];
}

export interface Checkpoint extends CheckpointHeader {
  readonly topics: readonly CheckpointTopic[];
}

export function encodeCheckpoint(
  header: CheckpointHeader,
  topics: readonly CheckpointTopic[],
): Buffer {
  const { journalKey } = header;
  let size = HEADER_BYTES + (journalKey === null ? 0 : KEY_BYTES) + 4;
  for (const topic of topics) {
    size += 26 + Buffer.byteLength(topic.name);
    for (const partition of topic.partitions) size += 4 + partition.length;
  }
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32BE(MAGIC, 0);
  const cleanFlag = header.isClean ? IS_CLEAN : 0;
  bytes.writeUInt32BE(cleanFlag | (journalKey === null ? 0 : HAS_KEY), 4);
  bytes.writeBigInt64BE(BigInt(header.cut.lsn), 8);
  bytes.writeUInt32BE(header.cut.fileNumber, 16);
  bytes.writeUInt32BE(header.cut.position, 20);
  bytes.writeInt32BE(header.leaderEpoch, 24);
  bytes.writeUInt32BE(header.nextTopicRef, 28);
  bytes.writeUInt32BE(topics.length, 32);
  let at = HEADER_BYTES;
  for (const topic of topics) {
    at = bytes.writeUInt32BE(topic.ref, at);
    at += Buffer.from(topic.topicId, "base64url").copy(bytes, at, 0, 16);
    at = bytes.writeUInt16BE(Buffer.byteLength(topic.name), at);
    at += bytes.write(topic.name, at);
    at = bytes.writeUInt32BE(topic.partitions.length, at);
    for (const partition of topic.partitions) {
      at = bytes.writeUInt32BE(partition.length, at);
      at += partition.copy(bytes, at);
    }
  }
  if (journalKey !== null) at = writeInt64(bytes, at, journalKey);
  bytes.writeUInt32BE(crc32c(bytes, 0, at), at);
  return bytes;
}

/** @throws {CorruptLog} when the bytes are not a checkpoint. */
export function decodeCheckpoint(bytes: Buffer, path: string): Checkpoint {
  const end = bytes.length - 4;
  if (end < HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) {
    throw new CorruptLog(path, 0, "this is no checkpoint");
  }
  if (crc32c(bytes, 0, end) !== bytes.readUInt32BE(end)) {
    throw new CorruptLog(path, end, "the checkpoint's CRC does not match");
  }
  const topics: CheckpointTopic[] = [];
  let at = HEADER_BYTES;
  for (let count = bytes.readUInt32BE(32); count > 0; count--) {
    const ref = bytes.readUInt32BE(at);
    const topicId = bytes.toString("base64url", at + 4, at + 20);
    const nameBytes = bytes.readUInt16BE(at + 20);
    const name = bytes.toString("utf8", at + 22, at + 22 + nameBytes);
    at += 22 + nameBytes;
    const partitions: Buffer[] = [];
    const partitionCount = bytes.readUInt32BE(at);
    at += 4;
    for (let i = 0; i < partitionCount; i++) {
      const size = bytes.readUInt32BE(at);
      partitions.push(bytes.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    topics.push({ ref, topicId, name, partitions });
  }
  const flags = bytes.readUInt32BE(4);
  return {
    isClean: (flags & IS_CLEAN) !== 0,
    cut: {
      lsn: Number(bytes.readBigInt64BE(8)),
      fileNumber: bytes.readUInt32BE(16),
      position: bytes.readUInt32BE(20),
    },
    leaderEpoch: bytes.readInt32BE(24),
    nextTopicRef: bytes.readUInt32BE(28),
    journalKey: (flags & HAS_KEY) === 0 ? null : readInt64(bytes, end - KEY_BYTES),
    topics,
  };
}

/** The partition as far as it is in its segments. */
export function encodePartition(log: PartitionLog): Buffer {
  const end = log.writtenOffset;
  const segments = [...log.removing, ...log.segments].filter(({ baseOffset }) => baseOffset <= end);
  const epochs = log.epochs.entries;
  let epochCount = 0;
  while (epochCount * 2 < epochs.length && epochs[epochCount * 2 + 1]! < end) epochCount++;
  const producers = encodeProducers(log, end);
  const cleaning = encodeCleaning(log);
  const transactions = encodeTransactions(log, end, cleaning.length > 0);
  const bytes = Buffer.alloc(
    28 +
      4 +
      segments.length * SEGMENT_BYTES +
      4 +
      epochCount * 12 +
      producers.length +
      transactions.length +
      cleaning.length,
  );
  let at = bytes.writeInt32BE(log.partition, 0);
  at = writeInt64(bytes, at, log.logStart);
  at = writeInt64(bytes, at, end);
  at = writeInt64(bytes, at, -1);
  at = bytes.writeUInt32BE(segments.length, at);
  for (const segment of segments) {
    at = writeInt64(bytes, at, segment.baseOffset);
    at = bytes.writeUInt32BE(segment.writtenBytes, at);
    at = writeInt64(bytes, at, segment.writtenMaxTimestamp);
    at = writeInt64(bytes, at, segment.writtenMaxTimestampOffset);
    at = writeInt64(bytes, at, segment.firstTimestamp);
    at = writeInt64(bytes, at, segment.createdMs);
    at = bytes.writeUInt8(segment.isFinished ? 1 : 0, at);
    at = bytes.writeUInt32BE(segment.index.persisted, at);
    at = bytes.writeUInt32BE(segment.timeIndex.persisted, at);
  }
  at = bytes.writeUInt32BE(epochCount, at);
  for (let i = 0; i < epochCount; i++) {
    at = bytes.writeInt32BE(epochs[i * 2]!, at);
    at = writeInt64(bytes, at, epochs[i * 2 + 1]!);
  }
  at += producers.copy(bytes, at);
  at += transactions.copy(bytes, at);
  cleaning.copy(bytes, at);
  return bytes;
}

export function partitionOf(encoded: Buffer): number {
  return encoded.readInt32BE(0);
}

/** Fills a partition that has nothing yet. `drawJitter` gives its active segment a new roll jitter. */
export function decodePartition(bytes: Buffer, log: PartitionLog, drawJitter: () => number): void {
  log.logStart = readInt64(bytes, 4);
  log.durableStart = log.logStart;
  log.logEnd = readInt64(bytes, 12);
  log.highWatermark = log.logEnd;
  log.writtenOffset = log.logEnd;
  log.hasDirectory = true;
  log.checkpointBytes = bytes;
  let at = 32;
  for (let count = bytes.readUInt32BE(28); count > 0; count--) {
    const segment = new Segment(
      {
        baseOffset: readInt64(bytes, at),
        sizeBytes: bytes.readUInt32BE(at + 8),
        maxTimestamp: readInt64(bytes, at + 12),
        maxTimestampOffset: readInt64(bytes, at + 20),
        firstTimestamp: readInt64(bytes, at + 28),
        createdMs: readInt64(bytes, at + 36),
        isFinished: bytes[at + 44] === 1,
        offsetEntries: bytes.readUInt32BE(at + 45),
        timeEntries: bytes.readUInt32BE(at + 49),
      },
      drawJitter(),
    );
    // A crash may have left more in the file than the checkpoint knows.
    segment.isPadded = !segment.isFinished;
    segment.isCheckpointed = segment.isFinished;
    log.addSegment(segment);
    at += SEGMENT_BYTES;
  }
  const epochs: number[] = [];
  const epochCount = bytes.readUInt32BE(at);
  at += 4;
  for (let i = 0; i < epochCount; i++, at += 12) {
    epochs.push(bytes.readInt32BE(at), readInt64(bytes, at + 4));
  }
  log.epochs = new LeaderEpochs(epochs);
  const entries = new Map<number, ProducerEntry>();
  at = decodeProducers(bytes, at, entries);
  at = decodeTransactions(bytes, at, log, entries);
  if (at < bytes.length) {
    log.cleanings = bytes.readUInt32BE(at);
    log.cleanedOffset = readInt64(bytes, at + 4);
  }
  if (entries.size > 0) log.producers = new ProducerStates();
  for (const entry of entries.values()) log.producers!.restore(entry);
  log.takeRemovable();
}

function encodeProducers(log: PartitionLog, end: number): Buffer {
  const parts: Buffer[] = [Buffer.alloc(4)];
  let count = 0;
  for (const entry of log.producers?.entries() ?? []) {
    const batches = entry.batches
      .filter(({ lastOffset }) => lastOffset < end)
      .slice(-REMEMBERED_BATCHES);
    if (batches.length === 0) continue;
    count++;
    const bytes = Buffer.alloc(29 + batches.length * 34);
    let at = writeInt64(bytes, 0, entry.producerId);
    at = writeInt64(bytes, at, entry.lastSeenMs);
    at = bytes.writeInt32BE(-1, at);
    at = writeInt64(bytes, at, -1);
    at = bytes.writeUInt8(batches.length, at);
    for (const batch of batches) {
      at = bytes.writeInt16BE(batch.epoch, at);
      at = bytes.writeInt32BE(batch.firstSequence, at);
      at = bytes.writeInt32BE(batch.lastSequence, at);
      at = writeInt64(bytes, at, batch.baseOffset);
      at = writeInt64(bytes, at, batch.lastOffset);
      at = writeInt64(bytes, at, batch.timestampMs);
    }
    parts.push(bytes);
  }
  parts[0]!.writeUInt32BE(count);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function decodeProducers(
  bytes: Buffer,
  start: number,
  entries: Map<number, ProducerEntry>,
): number {
  let at = start + 4;
  for (let count = bytes.readUInt32BE(start); count > 0; count--) {
    const producerId = readInt64(bytes, at);
    const lastSeenMs = readInt64(bytes, at + 8);
    const batchCount = bytes[at + 28]!;
    at += 29;
    const batches: ProducerBatch[] = [];
    for (let i = 0; i < batchCount; i++, at += 34) {
      batches.push({
        epoch: bytes.readInt16BE(at),
        firstSequence: bytes.readInt32BE(at + 2),
        lastSequence: bytes.readInt32BE(at + 6),
        baseOffset: readInt64(bytes, at + 10),
        lastOffset: readInt64(bytes, at + 18),
        timestampMs: readInt64(bytes, at + 26),
      });
    }
    entries.set(producerId, { producerId, batches, marks: [], lastSeenMs });
  }
  return at;
}

/** Empty when the log was never cleaned. */
function encodeCleaning({ cleanings, cleanedOffset }: PartitionLog): Buffer {
  if (cleanings === 0 && cleanedOffset < 0) return Buffer.alloc(0);
  const bytes = Buffer.alloc(12);
  writeInt64(bytes, bytes.writeUInt32BE(cleanings, 0), cleanedOffset);
  return bytes;
}

/** Empty when there have been no transactions, unless something follows. */
function encodeTransactions(log: PartitionLog, end: number, isFollowed: boolean): Buffer {
  const marks: { readonly entry: ProducerEntry; readonly mark: TransactionMark }[] = [];
  for (const entry of log.producers?.entries() ?? []) {
    const mark = entry.marks.findLast(({ offset }) => offset < end);
    if (mark !== undefined) marks.push({ entry, mark });
  }
  const aborting = log.hasAborted
    ? log.segments.filter(({ baseOffset, aborted }) => baseOffset <= end && aborted.size > 0)
    : [];
  if (marks.length === 0 && aborting.length === 0 && !isFollowed) return Buffer.alloc(0);
  const head = Buffer.alloc(8 + marks.length * MARK_BYTES);
  let at = head.writeUInt32BE(marks.length, 0);
  for (const { entry, mark } of marks) {
    at = writeInt64(head, at, entry.producerId);
    at = writeInt64(head, at, entry.lastSeenMs);
    at = writeInt64(head, at, mark.offset);
    at = head.writeInt16BE(mark.epoch, at);
    at = head.writeInt32BE(mark.coordinatorEpoch, at);
    at = writeInt64(head, at, mark.openOffset);
    at = writeInt64(head, at, mark.timestampMs);
  }
  head.writeUInt32BE(aborting.length, at);
  const parts: Buffer[] = [head];
  for (const { baseOffset, aborted } of aborting) {
    const pending = aborted.pending.filter(({ lastOffset }) => lastOffset < end);
    const part = Buffer.alloc(16);
    at = writeInt64(part, 0, baseOffset);
    at = part.writeUInt32BE(aborted.persisted, at);
    part.writeUInt32BE(pending.length, at);
    parts.push(part, encodeAborted(pending));
  }
  return Buffer.concat(parts);
}

function decodeTransactions(
  bytes: Buffer,
  start: number,
  log: PartitionLog,
  entries: Map<number, ProducerEntry>,
): number {
  if (start === bytes.length) return start;
  let at = start + 4;
  for (let count = bytes.readUInt32BE(start); count > 0; count--, at += MARK_BYTES) {
    const producerId = readInt64(bytes, at);
    const lastSeenMs = readInt64(bytes, at + 8);
    const entry = entries.get(producerId) ?? { producerId, batches: [], marks: [], lastSeenMs };
    entries.set(producerId, entry);
    entry.marks.push({
      offset: readInt64(bytes, at + 16),
      epoch: bytes.readInt16BE(at + 24),
      coordinatorEpoch: bytes.readInt32BE(at + 26),
      openOffset: readInt64(bytes, at + 30),
      timestampMs: readInt64(bytes, at + 38),
    });
  }
  let segments = bytes.readUInt32BE(at);
  for (at += 4; segments > 0; segments--) {
    const base = readInt64(bytes, at);
    const persisted = bytes.readUInt32BE(at + 8);
    const pending: AbortedTransaction[] = [];
    const count = bytes.readUInt32BE(at + 12);
    at += 16;
    for (let i = 0; i < count; i++, at += ABORTED_ENTRY_BYTES) {
      pending.push(decodeAborted(bytes, at)!);
    }
    log.segments.find(({ baseOffset }) => baseOffset === base)!.aborted.restore(persisted, pending);
    log.hasAborted = true;
  }
  return at;
}

function writeInt64(bytes: Buffer, at: number, value: number): number {
  return bytes.writeBigInt64BE(BigInt(value), at);
}

function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}
