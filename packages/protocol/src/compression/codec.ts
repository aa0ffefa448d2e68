/** Provides the memory of a result of so many bytes. */
export type Allocate = (bytes: number) => Buffer;

/** What a compression codec does. Codecs are synchronous and hold no state between calls. */
export interface CompressionCodec {
  /** Number in the attributes of a batch. */
  readonly id: number;
  readonly name: string;
  /** Smallest, default and largest level, or null when the codec has none. */
  readonly levels: { readonly min: number; readonly default: number; readonly max: number } | null;
  /**
   * The result starts with `roomBytes` that are left for the caller to fill. `allocate` may be asked for its memory; what the codec has from
   * elsewhere is as good.
   * @param maxBytes what the codec may go on to before it gives up; one that is quick need not
   * @throws ProtocolError `tooLarge` when it gives up
   */
  compress(
    input: Buffer,
    level: number,
    roomBytes: number,
    allocate: Allocate,
    maxBytes: number,
  ): Buffer;
  /**
   * @throws ProtocolError `corrupt` for bytes that are not the codec's, `tooLarge` when the result would exceed `maxBytes`; never
   * allocates much more than that
   */
  decompress(input: Buffer, maxBytes: number, allocate: Allocate): Buffer;
}

/** The bytes after so many that are left for the caller to fill: a copy, unless there are none. */
export function behind(roomBytes: number, bytes: Buffer, allocate: Allocate): Buffer {
  if (roomBytes === 0) {
    return bytes;
  }
  const result = allocate(roomBytes + bytes.length);
  result.set(bytes, roomBytes);
  return result;
}
