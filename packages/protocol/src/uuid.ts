/**
 * UUIDs travel as 16 bytes and live in programs as Kafka writes them for people: 22 characters of base64url without padding.
 */
import { ProtocolError } from "./protocol-error.ts";

/** The UUID of sixteen zero bytes; on the wire it means "no id". */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) {
  VALUES[ALPHABET.charCodeAt(i)] = i;
}

/**
 * Recently seen ids, by a hash of their bytes. A broker meets the same few topic ids in every request; handing out the same
 * string again saves the base64 work here and the string hashing in the maps that it is looked up in.
 */
const CACHE_SLOTS = 512;
const cachedWords = new Int32Array(CACHE_SLOTS * 4);
const cachedStrings: string[] = new Array<string>(CACHE_SLOTS).fill(ZERO_UUID);

/** Reads 16 bytes. The caller has checked that they are there. */
export function readUuid(buffer: Buffer, offset: number): string {
  const a = word(buffer, offset);
  const b = word(buffer, offset + 4);
  const c = word(buffer, offset + 8);
  const d = word(buffer, offset + 12);
  const slot = (Math.imul(a ^ b ^ c ^ d, 0x9e3779b1) >>> 23) & (CACHE_SLOTS - 1);
  const at = slot * 4;
  if (
    cachedWords[at] === a &&
    cachedWords[at + 1] === b &&
    cachedWords[at + 2] === c &&
    cachedWords[at + 3] === d
  ) {
    return cachedStrings[slot]!;
  }
  const text = buffer.toString("base64url", offset, offset + 16);
  cachedWords[at] = a;
  cachedWords[at + 1] = b;
  cachedWords[at + 2] = c;
  cachedWords[at + 3] = d;
  cachedStrings[slot] = text;
  return text;
}

/** Writes 16 bytes. @throws ProtocolError when `uuid` is not 22 characters of base64url. */
export function writeUuid(buffer: Buffer, offset: number, uuid: string): void {
  if (uuid.length !== 22) {
    throw notUuid(uuid);
  }
  let at = offset;
  for (let i = 0; i < 20; i += 4) {
    const bits =
      (sextet(uuid, i) << 18) |
      (sextet(uuid, i + 1) << 12) |
      (sextet(uuid, i + 2) << 6) |
      sextet(uuid, i + 3);
    buffer[at++] = bits >> 16;
    buffer[at++] = bits >> 8;
    buffer[at++] = bits;
  }
  buffer[at] = (sextet(uuid, 20) << 2) | (sextet(uuid, 21) >> 4);
}

/** Whether `text` is a UUID in the 22-character form. */
export function isUuid(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

function sextet(uuid: string, index: number): number {
  const code = uuid.charCodeAt(index);
  const value = code < 128 ? VALUES[code]! : -1;
  if (value < 0) {
    throw notUuid(uuid);
  }
  return value;
}

function notUuid(uuid: string): ProtocolError {
  return new ProtocolError("malformed", `not a 22-character UUID: "${uuid}"`);
}

function word(buffer: Buffer, offset: number): number {
  return (
    (buffer[offset]! << 24) |
    (buffer[offset + 1]! << 16) |
    (buffer[offset + 2]! << 8) |
    buffer[offset + 3]!
  );
}
