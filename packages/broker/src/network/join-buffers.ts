/** The same bytes in fewer buffers, as each costs a write some time of its own. */
import { Buffer } from "node:buffer";

/** Buffers that lie one behind the other in memory become one without a copy; a few small ones are copied together. */
export function joinBuffers(parts: Buffer[]): Buffer[] {
  return joinSmall(joinAdjacent(parts));
}

/** Those that lie one behind the other in memory, as responses encoded one after the other do, become one. */
function joinAdjacent(parts: Buffer[]): Buffer[] {
  if (parts.length < 2) return parts;
  const joined: Buffer[] = [];
  for (let from = 0; from < parts.length; ) {
    const first = parts[from]!;
    const { buffer, byteOffset } = first;
    let end = byteOffset + first.length;
    let next = from + 1;
    for (; next < parts.length; next++) {
      const part = parts[next]!;
      if (part.buffer !== buffer || part.byteOffset !== end) break;
      end += part.length;
    }
    joined.push(next === from + 1 ? first : Buffer.from(buffer, byteOffset, end - byteOffset));
    from = next;
  }
  return joined;
}

/** Up to this size, responses are cheaper to copy together than to hand over one by one. */
const JOINED_BYTES = 8192;

function joinSmall(parts: Buffer[]): Buffer[] {
  if (parts.length < 2) return parts;
  let sizeBytes = 0;
  for (const part of parts) {
    sizeBytes += part.length;
    if (sizeBytes > JOINED_BYTES) return parts;
  }
  return [Buffer.concat(parts, sizeBytes)];
}
