/**
 * Walks the uncompressed records of a batch without building anything: lengths, offset deltas and headers must fit, timestamps and keys
 * are held against limits. A hot loop (every record of every uncompressed append), so primitives only.
 */

export interface RecordFault {
  readonly index: number;
  readonly message: string;
}

/** Limits in, findings out. */
export interface RecordScan {
  limitLow: number;
  limitHigh: number;
  requiresKeys: boolean;
  /** The first {@link MAX_FAULTS}. */
  faults: RecordFault[];
  /** How many there were. */
  faultsCount: number;
  /** Whether all of them are about timestamps. */
  onlyTimestamps: boolean;
  /** Greatest timestamp met, −1 when no record has one. */
  maxTimestamp: number;
  /** The least, −1 when there is none below. */
  minTimestamp: number;
}

/** A megabyte holds a hundred thousand records, compressed more; words for each of them would take hundreds of megabytes. */
const MAX_FAULTS = 100;

/** Where the last varint ended; −1 after a malformed one. */
let cursor = 0;

/** Returns null when `[at, end)` holds exactly `count` records, else what is wrong. */
export function scanRecords(
  bytes: Buffer,
  at: number,
  end: number,
  count: number,
  baseTimestamp: number,
  scan: RecordScan,
): string | null {
  let position = at;
  let maxTimestamp = -1;
  let minTimestamp = -1;
  const { limitLow, limitHigh, requiresKeys } = scan;
  for (let index = 0; index < count; index++) {
    const size = readVarint(bytes, position, end);
    if (cursor < 0 || size < 0) return `Record ${index} has a malformed length`;
    const recordEnd = cursor + size;
    if (recordEnd > end || size < 1) return `Record ${index} does not fit its batch`;
    const timestamp = baseTimestamp + readVarlong(bytes, cursor + 1, recordEnd);
    if (cursor < 0) return `Record ${index} has a malformed timestamp`;
    const offsetDelta = readVarint(bytes, cursor, recordEnd);
    if (cursor < 0 || offsetDelta !== index) return `Record ${index} has another offset delta`;
    const keySize = readVarint(bytes, cursor, recordEnd);
    if (cursor < 0 || keySize > recordEnd - cursor) return `Record ${index} has a malformed key`;
    if (keySize > 0) cursor += keySize;
    const valueSize = readVarint(bytes, cursor, recordEnd);
    if (cursor < 0 || valueSize > recordEnd - cursor)
      return `Record ${index} has a malformed value`;
    if (valueSize > 0) cursor += valueSize;
    const headers = readVarint(bytes, cursor, recordEnd);
    if (cursor < 0 || headers < 0 || headers > recordEnd - cursor) {
      return `Record ${index} has a malformed header count`;
    }
    for (let i = 0; i < headers; i++) {
      if (!skipHeader(bytes, recordEnd)) return `Record ${index} has a malformed header`;
    }
    if (cursor !== recordEnd) return `Record ${index} is longer than its fields`;
    position = recordEnd;
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    if (timestamp < minTimestamp) minTimestamp = timestamp;
    if ((timestamp < limitLow && timestamp !== -1) || timestamp > limitHigh) {
      if (scan.faultsCount++ >= MAX_FAULTS) continue;
      scan.faults.push({
        index,
        message: `Timestamp ${timestamp} of message with offset ${index} is out of range. The timestamp should be within [${limitLow}, ${limitHigh}]`,
      });
    } else if (requiresKeys && keySize < 0) {
      scan.onlyTimestamps = false;
      if (scan.faultsCount++ >= MAX_FAULTS) continue;
      scan.faults.push({
        index,
        message: "Compacted topic cannot accept message without key in topic partition.",
      });
    }
  }
  if (position !== end) return "There are bytes behind the last record";
  scan.maxTimestamp = maxTimestamp;
  scan.minTimestamp = minTimestamp;
  return null;
}

function skipHeader(bytes: Buffer, end: number): boolean {
  const keySize = readVarint(bytes, cursor, end);
  if (cursor < 0 || keySize < 0 || keySize > end - cursor) return false;
  cursor += keySize;
  const valueSize = readVarint(bytes, cursor, end);
  if (cursor < 0 || valueSize > end - cursor) return false;
  if (valueSize > 0) cursor += valueSize;
  return true;
}

/** Zigzag int32 at `at`; `cursor` is behind it, or −1. */
function readVarint(bytes: Buffer, at: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    if (at + i >= end) break;
    const byte = bytes[at + i]!;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      cursor = at + i + 1;
      return (value >>> 1) ^ -(value & 1);
    }
  }
  cursor = -1;
  return 0;
}

/** Zigzag int64 as a number; `cursor` is behind it, or −1. */
function readVarlong(bytes: Buffer, at: number, end: number): number {
  let value = 0;
  let factor = 1;
  for (let i = 0; i < 10; i++) {
    if (at + i >= end) break;
    const byte = bytes[at + i]!;
    value += (byte & 0x7f) * factor;
    factor *= 128;
    if (byte < 0x80) {
      cursor = at + i + 1;
      // The sign is in the lowest bit, which a value beyond 2^53 has lost.
      return (bytes[at]! & 1) === 0 ? value / 2 : -(value + 1) / 2;
    }
  }
  cursor = -1;
  return 0;
}
