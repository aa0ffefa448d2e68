/**
 * The shard that coordinates a group (CG14) or a transactional id: Kafka's `Utils.abs(id.hashCode()) % shards`, where abs clears the sign of every
 * hash but the smallest, which becomes 0.
 */
export function shardOf(id: string, shards: number): number {
  const hash = javaHash(id);
  return (hash === -0x8000_0000 ? 0 : Math.abs(hash)) % shards;
}

/** `String.hashCode` of Java: 31-adic over UTF-16 units, in 32 bits. */
export function javaHash(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  }
  return hash;
}
