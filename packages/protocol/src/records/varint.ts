/** Zigzag varints of the record format: small magnitudes of either sign take few bytes. */
import { ProtocolError } from "../protocol-error.ts";

/** Position after the varint that was read last. */
export const varintCursor = { position: 0 };

/** Reads a zigzag varint of up to 32 bits from `[offset, end)`. @throws ProtocolError `corrupt` */
export function readZigzag(buffer: Buffer, offset: number, end: number): number {
  let at = offset;
  let raw = 0;
  for (let shift = 0; shift <= 28; shift += 7) {
    if (at >= end) {
      throw corruptVarint();
    }
    const byte = buffer[at++]!;
    raw |= (byte & 0x7f) << shift;
    if (byte < 128) {
      varintCursor.position = at;
      return (raw >>> 1) ^ -(raw & 1);
    }
  }
  throw corruptVarint();
}

/** Reads a zigzag varint of up to 64 bits as a number; beyond 2^53 it rounds. @throws ProtocolError `corrupt` */
export function readZigzagLong(buffer: Buffer, offset: number, end: number): number {
  let at = offset;
  let low = 0;
  for (let shift = 0; shift <= 21; shift += 7) {
    if (at >= end) {
      throw corruptVarint();
    }
    const byte = buffer[at++]!;
    low |= (byte & 0x7f) << shift;
    if (byte < 128) {
      varintCursor.position = at;
      return (low >>> 1) ^ -(low & 1);
    }
  }
  let raw = low;
  let scale = 0x10000000;
  for (let count = 4; count < 10; count++) {
    if (at >= end) {
      throw corruptVarint();
    }
    const byte = buffer[at++]!;
    raw += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 128) {
      varintCursor.position = at;
      return (low & 1) === 0 ? raw / 2 : -(raw + 1) / 2;
    }
  }
  throw corruptVarint();
}

/** Bytes of `value`, any safe integer, as a zigzag varint. */
export function zigzagSize(value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  let size = 1;
  while (rest >= 128) {
    rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 128);
    size++;
  }
  return size;
}

/** Writes a safe integer as a zigzag varint; returns the position after it. */
export function writeZigzag(buffer: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  while (rest >= 0x8000_0000) {
    buffer[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}

function corruptVarint(): ProtocolError {
  return new ProtocolError("corrupt", "a varint in the records does not end");
}
