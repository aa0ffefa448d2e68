/**
 * The few protocol primitives that the benchmark needs, in the classic (non-flexible) encoding.
 *
 * The benchmark does not use the product's codecs on purpose: a driver that shared them would share their mistakes and their cost.
 */

/** Appends big-endian primitives to a growing buffer. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  int8(value: number): this {
    const at = this.#grow(1);
    this.#buffer.writeInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#grow(2);
    this.#buffer.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#grow(4);
    this.#buffer.writeInt32BE(value, at);
    return this;
  }

  int64(value: number): this {
    const at = this.#grow(8);
    writeInt64(this.#buffer, value, at);
    return this;
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const bytes = Buffer.from(value);
    return this.int16(bytes.length).raw(bytes);
  }

  bytes(value: Uint8Array): this {
    return this.int32(value.length).raw(value);
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  /** Zigzag varint, as inside a record. */
  varint(value: number): this {
    let rest = value >= 0 ? value * 2 : -value * 2 - 1;
    while (rest > 127) {
      this.int8((((rest % 128) + 128) << 24) >> 24);
      rest = Math.floor(rest / 128);
    }
    return this.int8(rest);
  }

  raw(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** Writes over what is there. */
  int32At(at: number, value: number): void {
    this.#buffer.writeInt32BE(value, at);
  }

  /** Forgets what was written from `size` on. */
  truncate(size: number): void {
    this.#size = size;
  }

  clear(): void {
    this.#size = 0;
  }

  /** A copy of what was written. */
  toBuffer(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#size));
  }

  /** May replace the buffer, so call it before looking at the buffer. @returns where the bytes go. */
  #grow(bytes: number): number {
    const at = this.#size;
    this.#size += bytes;
    if (this.#size > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#size, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return at;
  }
}

/** Reads big-endian primitives; throws `RangeError` past the end. */
export class ByteReader {
  readonly #buffer: Buffer;
  position: number;

  constructor(buffer: Buffer, position = 0) {
    this.#buffer = buffer;
    this.position = position;
  }

  int8(): number {
    return this.#buffer.readInt8(this.#advance(1));
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#advance(4));
  }

  int64(): number {
    return readInt64(this.#buffer, this.#advance(8));
  }

  string(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    const at = this.#advance(length);
    return this.#buffer.toString("utf8", at, at + length);
  }

  skipString(): void {
    const length = this.int16();
    if (length > 0) this.position += length;
  }

  /** A view of the bytes, null when absent. */
  bytes(): Buffer | null {
    const length = this.int32();
    if (length < 0) return null;
    const at = this.#advance(length);
    return this.#buffer.subarray(at, at + length);
  }

  array<T>(read: () => T): T[] {
    const count = this.int32();
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read());
    return items;
  }

  #advance(bytes: number): number {
    const at = this.position;
    this.position += bytes;
    return at;
  }
}

/** An int64 as a number; exact up to 2⁵³. */
export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}

/** Writes a number as int64; exact up to 2⁵³. */
export function writeInt64(buffer: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
}
