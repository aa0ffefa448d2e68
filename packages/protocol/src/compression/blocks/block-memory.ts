/**
 * Layout of the memory in which blocks are compressed and decompressed: one page for tables, then a region for the block that is read
 * and one for what is written. Untouched pages cost nothing.
 *
 *   0        hash table of the compressors, positions of 16 bits
 *   PATTERNS row d: byte i of a run that repeats every d bytes lies at row[i] of its first bytes
 *   STEPS    byte d: the largest multiple of d up to 16
 *
 * Both regions are followed by slack, since copies move 16 bytes at a time and may read and write past their end.
 */
const PAGE_BYTES = 65_536;
/** The largest block of an LZ4 frame; blocks of other formats are told to be too large beyond it. */
export const REGION_BYTES = 4 * 1024 * 1024;
/** A table of 32 KiB just fits the first cache, which is 8 % faster than one twice as large; blocks get 0.2 to 4 % larger by what is forgotten sooner. */
export const MAX_HASH_BITS = 14;
export const HASH_TABLE = 0;
export const PATTERNS = 2 << MAX_HASH_BITS;
export const STEPS = PATTERNS + 16 * 16;
export const INPUT = PAGE_BYTES;
export const OUTPUT = INPUT + REGION_BYTES + PAGE_BYTES;
export const OUTPUT_END = OUTPUT + REGION_BYTES;
export const MEMORY_PAGES = (OUTPUT_END + PAGE_BYTES) / PAGE_BYTES;

/** Writes the tables that `repeatMatch` reads. */
export function writePatterns(memory: Uint8Array): void {
  for (let distance = 1; distance < 16; distance++) {
    for (let i = 0; i < 16; i++) {
      memory[PATTERNS + 16 * distance + i] = i % distance;
    }
    memory[STEPS + distance] = 16 - (16 % distance);
  }
}
