/** How the compressors in JavaScript find what they have seen before: a table of positions by a hash of the four bytes there. */

export const HASH_BITS = 13;
/** Shared by all, as none is entered while another runs; whoever begins a block clears it. */
export const positions = new Uint16Array(1 << HASH_BITS);

/** The four bytes at `at`, which the slot of a position is drawn from. */
export function word32(input: Uint8Array, at: number): number {
  return input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16) | (input[at + 3]! << 24);
}
