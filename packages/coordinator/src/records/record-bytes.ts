/**
 * Primitive types of Kafka's messages over a whole small buffer: big-endian integers, strings and bytes with an int16 or int32 length
 * (−1 for null), or from a flexible version with an unsigned varint of length + 1 (0 for null). Records of the coordinators are small
 * and their schemas few, so these are read and written by hand.
 */
import { CorruptCoordinatorRecord } from "../errors.ts";

/** Reads one record; every method @throws {CorruptCoordinatorRecord} when the bytes do not carry what it reads. */
export class RecordReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  /** @throws {CorruptCoordinatorRecord} also when the value does not fit a double exactly. */
  int64(): number {
    const value = Number(this.#bytes.readBigInt64BE(this.#advance(8)));
    if (!Number.isSafeInteger(value)) throw new CorruptCoordinatorRecord(`int64 out of range`);
    return value;
  }

  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#advance(1)]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new CorruptCoordinatorRecord("varint longer than five bytes");
  }

  string(flexible: boolean): string {
    const text = this.nullableString(flexible);
    if (text === null) throw new CorruptCoordinatorRecord("null where a string must be");
    return text;
  }

  nullableString(flexible: boolean): string | null {
    const size = flexible ? this.unsignedVarint() - 1 : this.int16();
    if (size < 0) return null;
    const start = this.#advance(size);
    return this.#bytes.toString("utf8", start, start + size);
  }

  /** A copy, so that the record's own buffer can go. */
  bytes(flexible: boolean): Buffer {
    const size = flexible ? this.unsignedVarint() - 1 : this.int32();
    if (size < 0) throw new CorruptCoordinatorRecord("null where bytes must be");
    const start = this.#advance(size);
    return Buffer.from(this.#bytes.subarray(start, start + size));
  }

  /** The number of elements that follow, each of at least one byte. */
  arrayCount(flexible: boolean): number {
    const count = flexible ? this.unsignedVarint() - 1 : this.int32();
    if (count < 0 || count > this.remaining) {
      throw new CorruptCoordinatorRecord(`array of ${count} in ${this.remaining} bytes`);
    }
    return count;
  }

  /** Gives each tagged field to `visit`, which may leave it unread. */
  taggedFields(visit: (tag: number, field: RecordReader) => void = () => {}): void {
    for (let left = this.unsignedVarint(); left > 0; left--) {
      const tag = this.unsignedVarint();
      const size = this.unsignedVarint();
      const start = this.#advance(size);
      visit(tag, new RecordReader(this.#bytes.subarray(start, start + size)));
    }
  }

  /** The next 16 bytes as a 22-character topic id. */
  uuid(): string {
    const start = this.#advance(16);
    return this.#bytes.toString("base64url", start, start + 16);
  }

  #advance(size: number): number {
    const start = this.#position;
    if (size > this.#bytes.length - start) {
      throw new CorruptCoordinatorRecord(`${size} bytes wanted, ${this.remaining} left`);
    }
    this.#position = start + size;
    return start;
  }
}

/** Writes into a buffer of the exact size, which the caller computes first. */
export class RecordWriter {
  readonly bytes: Buffer;
  #position = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  int16(value: number): this {
    this.#position = this.bytes.writeInt16BE(value, this.#position);
    return this;
  }

  int32(value: number): this {
    this.#position = this.bytes.writeInt32BE(value, this.#position);
    return this;
  }

  /** `value` is a safe integer. */
  int64(value: number): this {
    const high = Math.floor(value / 0x1_0000_0000);
    this.#position = this.bytes.writeInt32BE(high, this.#position);
    this.#position = this.bytes.writeUInt32BE(value - high * 0x1_0000_0000, this.#position);
    return this;
  }

  unsignedVarint(value: number): this {
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.#position++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.#position++] = rest;
    return this;
  }

  /** Length as int16; `size` is the string's length in UTF-8. */
  string(text: string, size: number): this {
    this.int16(size);
    this.#position += this.bytes.write(text, this.#position, "utf8");
    return this;
  }

  nullableString(text: string | null): this {
    return text === null ? this.int16(-1) : this.string(text, Buffer.byteLength(text));
  }

  /** Length + 1 as a varint. */
  compactString(text: string, size: number): this {
    this.unsignedVarint(size + 1);
    this.#position += this.bytes.write(text, this.#position, "utf8");
    return this;
  }

  sizedBytes(bytes: Uint8Array): this {
    this.int32(bytes.length);
    this.bytes.set(bytes, this.#position);
    this.#position += bytes.length;
    return this;
  }

  /** The 16 bytes behind a 22-character topic id. */
  uuid(topicId: string): this {
    this.#position += this.bytes.write(topicId, this.#position, "base64url");
    return this;
  }

  /** The buffer, once every byte of it is written. */
  finish(): Buffer {
    if (this.#position !== this.bytes.length) throw new RangeError("record size was miscounted");
    return this.bytes;
  }
}

export function unsignedVarintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) size++;
  return size;
}
