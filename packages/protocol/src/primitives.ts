/**
 * Numbers as the record formats spell them. Functions read and write at a place in a buffer; none of them checks bounds unless it says so.
 */
import { writeInt64 } from "./codec/runtime.ts";

export { writeInt64 };

/** As `readInt16BE`, which checks its bounds and costs three times as much. */
export function readInt16(buffer: Buffer, offset: number): number {
  return ((buffer[offset]! << 24) | (buffer[offset + 1]! << 16)) >> 16;
}

/** As `readInt32BE`, likewise. */
export function readInt32(buffer: Buffer, offset: number): number {
  return (
    (buffer[offset]! << 24) |
    (buffer[offset + 1]! << 16) |
    (buffer[offset + 2]! << 8) |
    buffer[offset + 3]!
  );
}

/** Reads an int64 as a number; beyond 2^53 it rounds. */
export function readInt64(buffer: Buffer, offset: number): number {
  const high =
    (buffer[offset]! << 24) |
    (buffer[offset + 1]! << 16) |
    (buffer[offset + 2]! << 8) |
    buffer[offset + 3]!;
  const low =
    (buffer[offset + 4]! << 24) |
    (buffer[offset + 5]! << 16) |
    (buffer[offset + 6]! << 8) |
    buffer[offset + 7]!;
  return high * 0x1_0000_0000 + (low >>> 0);
}
