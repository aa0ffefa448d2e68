/** What a compression codec does. Codecs are synchronous and hold no state between calls. */
export interface CompressionCodec {
  /** Number in the attributes of a batch. */
  readonly id: number;
  readonly name: string;
  /** Smallest, default and largest level, or null when the codec has none. */
  readonly levels: { readonly min: number; readonly default: number; readonly max: number } | null;
  compress(input: Uint8Array, level: number): Buffer;
  /**
   * @throws ProtocolError `corrupt` for bytes that are not the codec's, `tooLarge` when the result would exceed `maxBytes`; never
   * allocates much more than that
   */
  decompress(input: Uint8Array, maxBytes: number): Buffer;
}
