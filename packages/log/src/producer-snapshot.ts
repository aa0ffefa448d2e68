/**
 * Kafka's producer snapshot, `%020d.snapshot`, named after the first offset that it does not cover:
 *
 * version int16 = 1 | CRC-32C of what follows uint32 | count int32 | per producer: id int64, epoch int16, last sequence int32, last offset int64,
 * offset delta int32, timestamp int64, coordinator epoch int32, first offset of the open transaction int64 (−1 for none)
 *
 * Last sequence and last offset are −1 and the delta is 0 when the producer has written nothing with this epoch, only a coordinator for it.
 * It keeps one batch per producer; the engine's own checkpoint keeps all five, and is what a restart uses. The snapshot is
 * for tools, and for rebuilding from the segments alone.
 */
import { crc32c, writeInt64 } from "@ottla/protocol";
import { type ProducerEntry, type ProducerSummary, summarize } from "./producer-state.ts";

const VERSION = 1;
const HEADER_BYTES = 10;
const ENTRY_BYTES = 46;

/** Producers as they were when the log ended at `endOffset`. */
export function encodeSnapshot(entries: Iterable<ProducerEntry>, endOffset: number): Buffer {
  const kept: ProducerSummary[] = [];
  for (const entry of entries) {
    const summary = summarize(entry, endOffset);
    if (summary !== null) kept.push(summary);
  }
  const bytes = Buffer.alloc(HEADER_BYTES + kept.length * ENTRY_BYTES);
  bytes.writeInt16BE(VERSION, 0);
  bytes.writeInt32BE(kept.length, 6);
  let at = HEADER_BYTES;
  for (const producer of kept) {
    const batch = producer.lastBatch;
    writeInt64(bytes, at, producer.producerId);
    bytes.writeInt16BE(producer.epoch, at + 8);
    bytes.writeInt32BE(batch?.lastSequence ?? -1, at + 10);
    writeInt64(bytes, at + 14, batch?.lastOffset ?? -1);
    bytes.writeInt32BE(batch === null ? 0 : batch.lastOffset - batch.baseOffset, at + 22);
    writeInt64(bytes, at + 26, producer.lastTimestampMs);
    bytes.writeInt32BE(producer.coordinatorEpoch, at + 34);
    writeInt64(bytes, at + 38, producer.openOffset);
    at += ENTRY_BYTES;
  }
  bytes.writeUInt32BE(crc32c(bytes, 6, bytes.length), 2);
  return bytes;
}

/** null when the bytes are damaged or of another version. */
export function decodeSnapshot(bytes: Buffer): readonly ProducerEntry[] | null {
  if (bytes.length < HEADER_BYTES || bytes.readInt16BE(0) !== VERSION) return null;
  if (crc32c(bytes, 6, bytes.length) !== bytes.readUInt32BE(2)) return null;
  const count = bytes.readInt32BE(6);
  if (bytes.length !== HEADER_BYTES + count * ENTRY_BYTES) return null;
  const entries: ProducerEntry[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const lastSequence = bytes.readInt32BE(at + 10);
    const lastOffset = Number(bytes.readBigInt64BE(at + 14));
    const delta = bytes.readInt32BE(at + 22);
    const timestampMs = Number(bytes.readBigInt64BE(at + 26));
    const epoch = bytes.readInt16BE(at + 8);
    const coordinatorEpoch = bytes.readInt32BE(at + 34);
    const openOffset = Number(bytes.readBigInt64BE(at + 38));
    const batch = {
      epoch,
      firstSequence: firstSequence(lastSequence, delta),
      lastSequence,
      baseOffset: lastOffset - delta,
      lastOffset,
      timestampMs,
    };
    const hasMark = lastOffset < 0 || coordinatorEpoch >= 0 || openOffset >= 0;
    const offset = Math.max(openOffset, lastOffset);
    entries.push({
      producerId: Number(bytes.readBigInt64BE(at)),
      batches: lastOffset < 0 ? [] : [batch],
      marks: hasMark ? [{ offset, epoch, coordinatorEpoch, openOffset, timestampMs }] : [],
      lastSeenMs: timestampMs,
    });
  }
  return entries;
}

/** Sequences wrap, so the first of a batch may be greater than its last. */
function firstSequence(lastSequence: number, delta: number): number {
  if (lastSequence < 0) return lastSequence;
  return lastSequence >= delta ? lastSequence - delta : 0x7fff_ffff - (delta - lastSequence) + 1;
}
