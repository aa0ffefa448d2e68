import { ProtocolError } from "../protocol-error.ts";
import { batchLength, LOG_OVERHEAD, magic, RECORD_BATCH_OVERHEAD } from "./batch-header.ts";

/** Bytes of the smallest entry of the old formats (magic 0 and 1) after its first 12. */
const LEGACY_MIN_LENGTH = 14;

/**
 * Walks the batches in a buffer, one after the other, by their lengths; touches nothing but these and the magic bytes. What is not a
 * whole batch at the end, as fetch responses may have, ends the walk.
 *
 *     const walker = new BatchWalker(records);
 *     while (walker.next()) useBatch(walker.buffer, walker.position, walker.size);
 */
export class BatchWalker {
  readonly buffer: Buffer;
  /** Where the current batch starts. */
  position: number;
  /** Bytes of the current batch. */
  size = 0;
  readonly #end: number;

  constructor(buffer: Buffer, start = 0, end: number = buffer.length) {
    this.buffer = buffer;
    this.position = start;
    this.#end = end;
  }

  /** Moves to the next whole batch; false at the end. @throws ProtocolError `corrupt` for a length that no batch can have */
  next(): boolean {
    const at = this.position + this.size;
    const left = this.#end - at;
    this.position = at;
    this.size = 0;
    if (left <= LOG_OVERHEAD + 4) {
      return false;
    }
    const length = batchLength(this.buffer, at);
    const least =
      magic(this.buffer, at) < 2 ? LEGACY_MIN_LENGTH : RECORD_BATCH_OVERHEAD - LOG_OVERHEAD;
    if (length < least) {
      throw new ProtocolError("corrupt", `a batch at ${at} claims a length of ${length}`);
    }
    if (length > left - LOG_OVERHEAD) {
      return false;
    }
    this.size = length + LOG_OVERHEAD;
    return true;
  }

  /** Bytes that the walk did not cover; 0 after a walk over whole batches. */
  get remaining(): number {
    return this.#end - this.position - this.size;
  }
}
