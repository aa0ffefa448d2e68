/**
 * Murmur2, 32 bits, as Kafka's Java client uses it to spread keys over partitions: seed 0x9747b28c, little-endian words. All that
 * matters is that it equals Java's bit for bit; the golden table in the test comes from that client.
 */
const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** The hash of `bytes[start, end)` as a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const length = end - start;
  let hash = SEED ^ length;
  let at = start;
  const wordsEnd = start + (length & ~3);
  for (; at < wordsEnd; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    k = Math.imul(k, M);
    hash = Math.imul(hash, M) ^ k;
  }
  const tail = length & 3;
  if (tail === 3) hash ^= bytes[at + 2]! << 16;
  if (tail >= 2) hash ^= bytes[at + 1]! << 8;
  if (tail >= 1) hash = Math.imul(hash ^ bytes[at]!, M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

/** The partition Java's default partitioner gives a key: the hash without its sign, modulo the partition count. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount;
}
