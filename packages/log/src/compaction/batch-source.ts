/**
 * Reads a finished segment from its start to its end, a piece at a time, through a file of its own: whatever happens to the name meanwhile. The next
 * piece is read while one is worked on, and that is done in slices, between which others have the event loop.
 *
 * It reads around the page cache. Segments are not there anyway, as they are written around it too, and to bring them there and
 * copy them out again would cost more than all the rest of cleaning; what readers have there stays.
 */
import {
  allocateAligned,
  DIRECT_ALIGNMENT,
  type FileHandle,
  type FileSystem,
} from "@ottla/platform";
import { batchSize, MAGIC_V2, magic, RECORD_BATCH_OVERHEAD } from "@ottla/protocol";
import { CorruptLog } from "../errors.ts";

/** The most that is worked on at once, unless a batch is larger. */
export const SLICE_BYTES = 131_072;
/** A piece shows the header of its first batch, wherever in a block that starts. */
export const LEAST_PIECE_BYTES = 2 * DIRECT_ALIGNMENT;

export interface BatchSource {
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly sizeBytes: number;
  /**
   * Memory for the piece that is worked on and for the next one, aligned and of at least {@link LEAST_PIECE_BYTES}, a multiple of
   * {@link DIRECT_ALIGNMENT}; larger batches are read whole.
   */
  readonly pieces: readonly [Buffer, Buffer];
}

/**
 * Calls `take` with whole batches, one or more at a time, until it says false. The bytes are lent until its promise resolves.
 * @throws {CorruptLog}
 */
export async function readBatches(
  source: BatchSource,
  take: (batches: Buffer) => Promise<boolean>,
): Promise<void> {
  const { path, sizeBytes, pieces } = source;
  if (sizeBytes === 0) return;
  const file = await source.fileSystem.open(path, {
    access: "read",
    direct: true,
  });
  let reading = readPiece(file, source, pieces[0], 0);
  try {
    for (let position = 0, next = 1; position < sizeBytes; next = 1 - next) {
      let batches = await reading;
      let end = endOfBatches(batches, path, position);
      if (end === 0) {
        batches = await readLarge(file, source, batches, position);
        end = endOfBatches(batches, path, position);
      }
      position += end;
      if (position < sizeBytes) {
        reading = readPiece(file, source, pieces[next]!, position);
        // It may fail while nobody waits for it yet.
        reading.catch(() => {});
      }
      for (let at = 0, to = 0; at < end; at = to) {
        if (at > 0) await new Promise((resolve) => setImmediate(resolve));
        to = endOfSlice(batches, at, end);
        if (!(await take(batches.subarray(at, to)))) return;
      }
    }
  } finally {
    // The memory is somebody else's from now on.
    await reading.catch(() => {});
    await file.close();
  }
}

/** What there is room for from `position` on, behind what comes before it in its block. */
async function readPiece(
  file: FileHandle,
  { path, sizeBytes }: BatchSource,
  memory: Buffer,
  position: number,
): Promise<Buffer> {
  const before = position % DIRECT_ALIGNMENT;
  const end = Math.min(memory.length, before + sizeBytes - position);
  const blocks = memory.subarray(0, roundUp(end));
  if ((await file.read(blocks, position - before)) < end) {
    throw new CorruptLog(path, position, "the file is too short");
  }
  return memory.subarray(before, end);
}

/** The batch of which there is only a part. */
async function readLarge(
  file: FileHandle,
  source: BatchSource,
  part: Buffer,
  position: number,
): Promise<Buffer> {
  const { path, sizeBytes } = source;
  const size = part.length < RECORD_BATCH_OVERHEAD ? sizeBytes + 1 : batchSize(part, 0);
  if (position + size > sizeBytes) {
    throw new CorruptLog(path, position, "the last batch is incomplete");
  }
  const bytes = roundUp((position % DIRECT_ALIGNMENT) + size);
  const memory = Buffer.from(allocateAligned(bytes).buffer, 0, bytes);
  return readPiece(file, source, memory, position);
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / DIRECT_ALIGNMENT) * DIRECT_ALIGNMENT;
}

/** Where the batches from `at` end that are worked on at once. */
function endOfSlice(buffer: Buffer, at: number, end: number): number {
  let to = at + batchSize(buffer, at);
  while (to < end && to + batchSize(buffer, to) <= at + SLICE_BYTES) to += batchSize(buffer, to);
  return to;
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
