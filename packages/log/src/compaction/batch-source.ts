/** Reads a finished segment from its start to its end, a piece at a time, through a file of its own: whatever happens to the name meanwhile. */
import type { FileSystem } from "@ottla/platform";
import { batchSize, MAGIC_V2, magic, RECORD_BATCH_OVERHEAD } from "@ottla/protocol";
import { CorruptLog } from "../errors.ts";

export interface BatchSource {
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly sizeBytes: number;
  /** Bytes read at once; larger batches are read whole. */
  readonly pieceBytes: number;
}

/**
 * Calls `take` with whole batches, one or more at a time, until it says false. The bytes are lent until its promise resolves.
 * @throws {CorruptLog}
 */
export async function readBatches(
  source: BatchSource,
  take: (batches: Buffer) => Promise<boolean>,
): Promise<void> {
  const { path, sizeBytes, pieceBytes } = source;
  if (sizeBytes === 0) return;
  const file = await source.fileSystem.open(path, { access: "read" });
  try {
    let buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, sizeBytes));
    let position = 0;
    while (position < sizeBytes) {
      const wanted = Math.min(buffer.length, sizeBytes - position);
      if ((await file.read(buffer.subarray(0, wanted), position)) < wanted) {
        throw new CorruptLog(path, position, "the file is too short");
      }
      const end = endOfBatches(buffer.subarray(0, wanted), path, position);
      if (end === 0) {
        const size = wanted < RECORD_BATCH_OVERHEAD ? sizeBytes + 1 : batchSize(buffer, 0);
        if (position + size > sizeBytes) {
          throw new CorruptLog(path, position, "the last batch is incomplete");
        }
        buffer = Buffer.allocUnsafeSlow(size);
        continue;
      }
      if (!(await take(buffer.subarray(0, end)))) return;
      position += end;
    }
  } finally {
    await file.close();
  }
}

/** Where the last whole batch ends. */
function endOfBatches(buffer: Buffer, path: string, position: number): number {
  let at = 0;
  while (at + RECORD_BATCH_OVERHEAD <= buffer.length) {
    const size = batchSize(buffer, at);
    if (magic(buffer, at) !== MAGIC_V2 || size < RECORD_BATCH_OVERHEAD) {
      throw new CorruptLog(path, position + at, "no record batch starts here");
    }
    if (at + size > buffer.length) break;
    at += size;
  }
  return at;
}
