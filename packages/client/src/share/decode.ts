/** Turns the answer to a ShareFetch into records: those within the acquired ranges, and the offsets there that hold none. */
import {
  BatchWalker,
  isBatchCrcValid,
  isControl,
  lastOffset,
  MAGIC_V2,
  magic,
  ProtocolError,
  RecordCursor,
} from "@ottla/protocol";
import { RecordSource } from "../consumer/fetched-bytes.ts";
import { CorruptBatchError } from "../errors.ts";
import { ShareRecord } from "./share-record.ts";

const NEVER_RELEASED = { isReleased: false };

export interface AcquiredRange {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryCount: number;
}

export interface AcquiredRecords {
  readonly records: readonly ShareRecord[];
  /** Acquired offsets without a record, to be acknowledged as such. */
  readonly gaps: readonly number[];
}

/**
 * @param acquired in order of offset, as brokers answer
 * @throws {CorruptBatchError} when bytes are not what they should be; nothing of the answer is used then
 */
export function decodeAcquired(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  bytes: Buffer,
  acquired: readonly AcquiredRange[],
  checkCrcs: boolean,
): AcquiredRecords {
  const records: ShareRecord[] = [];
  const gaps: number[] = [];
  const first = acquired[0];
  if (first === undefined) return { records, gaps };
  let range = 0;
  let next = first.firstOffset;
  /** Moves on to `offset`, noting what is passed over. Null when it lies in no range. */
  const rangeAt = (offset: number): AcquiredRange | null => {
    for (; range < acquired.length; range++, next = acquired[range]?.firstOffset ?? next) {
      const { lastOffset: end } = acquired[range]!;
      while (next <= end && next < offset) gaps.push(next++);
      if (next <= end) return next === offset ? acquired[range]! : null;
    }
    return null;
  };
  const walker = new BatchWalker(bytes);
  const cursor = new RecordCursor();
  try {
    while (walker.next()) {
      const at = walker.position;
      if (magic(bytes, at) !== MAGIC_V2) {
        throw new ProtocolError("malformed", `a batch of format ${magic(bytes, at)}`);
      }
      if (checkCrcs && !isBatchCrcValid(bytes, at)) {
        throw new ProtocolError("corrupt", "the checksum does not match");
      }
      if (isControl(bytes, at) || lastOffset(bytes, at) < next) continue;
      cursor.start(bytes, at);
      const source = new RecordSource(cursor.buffer, NEVER_RELEASED);
      while (cursor.next()) {
        const found = rangeAt(cursor.offset);
        if (found === null) continue;
        records.push(new ShareRecord(topic, partition, cursor, source, found.deliveryCount));
        next++;
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new CorruptBatchError(topic, partition, next, error);
  }
  rangeAt(Number.POSITIVE_INFINITY);
  return { records, gaps };
}
