/** Turns fetched bytes into what the application gets: checks checksums, leaves out control batches and, if asked to, aborted ones. */
import {
  BatchWalker,
  baseOffset,
  isBatchCrcValid,
  isControl,
  isTransactional,
  lastOffset,
  MAGIC_V2,
  magic,
  ProtocolError,
  partitionLeaderEpoch,
  producerId,
  readControlRecord,
} from "@ottla/protocol";
import { CorruptBatchError } from "../errors.ts";
import type { AbortedTransactions } from "./aborted.ts";

export interface DecodedBatches {
  /** Where the batches with records for the application start. */
  readonly batches: number[];
  /** The offset after the last whole batch; the asked one when there is none. */
  readonly nextOffset: number;
  /** Of the last whole batch, or −1. */
  readonly leaderEpoch: number;
}

/**
 * Looks at every whole batch in `records`. `aborted` is null for `read_uncommitted`.
 * @throws {CorruptBatchError} when the first batch is not what its header says; a later one ends the result before it
 */
export function decodeBatches(
  subject: { readonly topic: string; readonly partition: number },
  records: Buffer,
  fetchOffset: number,
  aborted: AbortedTransactions | null,
  checkCrcs: boolean,
): DecodedBatches {
  const batches: number[] = [];
  let nextOffset = fetchOffset;
  let leaderEpoch = -1;
  const walker = new BatchWalker(records);
  try {
    while (walker.next()) {
      const at = walker.position;
      if (magic(records, at) !== MAGIC_V2) {
        throw new ProtocolError("malformed", `a batch of format ${magic(records, at)}`);
      }
      if (checkCrcs && !isBatchCrcValid(records, at)) {
        throw new ProtocolError("corrupt", "the checksum does not match");
      }
      const last = lastOffset(records, at);
      // A batch below the asked offset, as compaction may leave at the start of an answer, holds nothing new.
      if (last < nextOffset) continue;
      leaderEpoch = partitionLeaderEpoch(records, at);
      if (isControl(records, at)) {
        if (aborted !== null && readControlRecord(records, at)?.type === "abort") {
          aborted.onAbortMarker(producerId(records, at), last);
        }
      } else if (
        aborted === null ||
        !isTransactional(records, at) ||
        !aborted.has(producerId(records, at), baseOffset(records, at))
      ) {
        batches.push(at);
      }
      nextOffset = last + 1;
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    // What is sound goes out first; the next fetch begins with the broken batch.
    if (nextOffset > fetchOffset) return { batches, nextOffset, leaderEpoch };
    throw new CorruptBatchError(subject.topic, subject.partition, nextOffset, error);
  }
  if (nextOffset === fetchOffset && records.length > 0) {
    const cause = new ProtocolError("truncated", "no whole batch in the answer");
    throw new CorruptBatchError(subject.topic, subject.partition, fetchOffset, cause);
  }
  return { batches, nextOffset, leaderEpoch };
}
