/** Errors that say that there was no memory just now. */

const CODES: ReadonlySet<unknown> = new Set([
  "ERR_MEMORY_ALLOCATION_FAILED",
  "Z_MEM_ERROR",
  "ZSTD_error_memory_allocation",
]);
/** V8 tells by words alone. */
const WORDS = /allocation failed|could not allocate memory/;

/** Whether there was no memory, for what was done or for what caused it to fail. */
export function isOutOfMemory(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && CODES.has(error.code)) return true;
  if (error instanceof RangeError && WORDS.test(error.message)) return true;
  return isOutOfMemory(error.cause);
}
