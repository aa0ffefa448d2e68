/**
 * What to do about a segment whose flush failed.
 *
 * After a failed fsync the system takes the pages for clean: another fsync succeeds without writing anything, and a crash then finds what the disk had before.
 * But they can mostly still be read, from the page cache if not from the disk. So everything behind the last flush that succeeded is read
 * back, its checksums are compared, and it is written once more. When it is no longer what was written, the error keeps the checkpoint from
 * being made: the journal still holds all of it, and the next start writes it again.
 */
import { allocateAligned, DIRECT_ALIGNMENT, type FileHandle } from "@ottla/platform";
import {
  baseOffset,
  batchSize,
  isBatchCrcValid,
  lastOffset,
  RECORD_BATCH_OVERHEAD,
} from "@ottla/protocol";
import { CorruptLog } from "./errors.ts";
import type { Segment } from "./segment.ts";

/** Bytes of one step; a larger batch gets memory of its own. */
const STEP_BYTES = 1_048_576;

/** Writes `[flushedBytes, writtenBytes)` of the file again. Rejects with {@link CorruptLog} when it cannot be read back as it was written. */
export async function rewriteUnflushed(
  handle: FileHandle,
  segment: Segment,
  path: string,
): Promise<void> {
  const blockBytes = handle.direct ? DIRECT_ALIGNMENT : 1;
  const end = segment.writtenBytes;
  let memory = aligned(STEP_BYTES);
  let position = segment.flushedBytes;
  let previousOffset = segment.baseOffset - 1;
  const corrupt = (at: number) =>
    new CorruptLog(path, at, "what a failed flush left is not what was written");
  while (position < end) {
    const start = position - (position % blockBytes);
    const wantedBytes = Math.min(memory.length, blocks(end - start, blockBytes));
    const readBytes = await handle.read(memory.subarray(0, wantedBytes), start);
    const knownBytes = Math.min(readBytes, end - start);
    if (knownBytes < Math.min(wantedBytes, end - start)) throw corrupt(start + knownBytes);
    let at = position - start;
    let missingBytes = RECORD_BATCH_OVERHEAD;
    while (at + RECORD_BATCH_OVERHEAD <= knownBytes) {
      const size = batchSize(memory, at);
      if (size < RECORD_BATCH_OVERHEAD || start + at + size > end) throw corrupt(start + at);
      missingBytes = size;
      if (at + size > knownBytes) break;
      const batch = memory.subarray(at, at + size);
      const isNext = baseOffset(batch, 0) > previousOffset;
      if (!isNext || !isBatchCrcValid(batch, 0)) throw corrupt(start + at);
      previousOffset = lastOffset(batch, 0);
      at += size;
    }
    if (start + at === position) {
      // Not one whole batch: it is larger than the memory, or the file says so.
      if (knownBytes < wantedBytes) throw corrupt(position);
      memory = aligned(blocks(at + missingBytes, blockBytes));
      continue;
    }
    // In the last block are also bytes of the next batch, which the next step checks, or padding.
    const rewrittenBytes = blocks(at, blockBytes);
    if (rewrittenBytes > knownBytes) {
      memory.fill(0, knownBytes, rewrittenBytes);
      segment.isPadded = true;
    }
    await handle.write([memory.subarray(0, rewrittenBytes)], start);
    position = start + at;
  }
}

function aligned(bytes: number): Buffer {
  return Buffer.from(allocateAligned(bytes).buffer, 0, bytes);
}

function blocks(bytes: number, blockBytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}
