/**
 * Why bytes or a message were refused.
 *
 * - `truncated`: the bytes end before the field does.
 * - `malformed`: a length, count, varint or null that the format forbids.
 * - `tooLarge`: an array, string or decompressed size above its bound.
 * - `unknownApi`: an API key that no schema describes.
 * - `unsupportedVersion`: a version the schema lacks, or a value that the version cannot carry.
 * - `corrupt`: a checksum does not match, or a batch contradicts itself.
 * - `unsupportedCompression`: a codec id that no codec has.
 */
export type ProtocolErrorKind =
  | "truncated"
  | "malformed"
  | "tooLarge"
  | "unknownApi"
  | "unsupportedVersion"
  | "corrupt"
  | "unsupportedCompression";

/** Bytes that are not what the protocol says, or a message that a version cannot carry. */
export class ProtocolError extends Error {
  readonly kind: ProtocolErrorKind;

  constructor(kind: ProtocolErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProtocolError";
    this.kind = kind;
  }
}
