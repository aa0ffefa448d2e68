/** The compressions a batch may have. A new one is a file in `codecs/` and a line in the list. */
import { constants } from "node:buffer";
import { ProtocolError } from "../protocol-error.ts";
import { type Allocate, behind, type CompressionCodec } from "./codec.ts";
import { gzip } from "./codecs/gzip.ts";
import { lz4 } from "./codecs/lz4.ts";
import { snappy } from "./codecs/snappy.ts";
import { zstd } from "./codecs/zstd.ts";

/** The names of Kafka's `compression.type`. */
export type CompressionType = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** By id; 0 means not compressed. */
const CODECS: readonly (CompressionCodec | null)[] = [null, gzip, snappy, lz4, zstd];

export const compressionTypes: readonly CompressionType[] = [
  "none",
  "gzip",
  "snappy",
  "lz4",
  "zstd",
];

/** The id of a compression in a batch's attributes. */
export function compressionIdOf(type: CompressionType): number {
  return compressionTypes.indexOf(type);
}

/** The compression of an id; null for one that nobody has defined. */
export function compressionTypeOf(id: number): CompressionType | null {
  return compressionTypes[id] ?? null;
}

/** The levels a compression knows; null for one without. */
export function compressionLevels(type: CompressionType): CompressionCodec["levels"] {
  return CODECS[compressionIdOf(type)]?.levels ?? null;
}

/** Compresses; with "none" returns the input as it is. */
export function compress(type: CompressionType, input: Buffer, level?: number): Buffer {
  return type === "none" ? input : compressBehind(0, type, input, level);
}

/**
 * Compresses; the result starts with `roomBytes` that are left for the caller to fill. Its memory may come from `allocate`.
 * @throws ProtocolError `tooLarge` when the codec sees that it would go beyond `maxBytes`; slow ones look
 */
export function compressBehind(
  roomBytes: number,
  type: CompressionType,
  input: Buffer,
  level?: number,
  allocate: Allocate = Buffer.allocUnsafe,
  maxBytes: number = constants.MAX_LENGTH,
): Buffer {
  const codec = CODECS[compressionIdOf(type)];
  if (codec === null || codec === undefined) return behind(roomBytes, input, allocate);
  const limit = Math.min(Math.max(maxBytes, 1), constants.MAX_LENGTH);
  return codec.compress(input, level ?? codec.levels?.default ?? 0, roomBytes, allocate, limit);
}

/**
 * Decompresses what the codec of `id` has made; returns the input itself for id 0. The memory of the result may come from `allocate`.
 * @throws ProtocolError `unsupportedCompression`, `corrupt`, or `tooLarge` when the result would exceed `maxBytes`
 */
export function decompress(
  id: number,
  input: Buffer,
  maxBytes: number,
  allocate: Allocate = Buffer.allocUnsafe,
): Buffer {
  const codec = CODECS[id];
  if (codec === undefined) {
    throw new ProtocolError("unsupportedCompression", `no compression has the id ${id}`);
  }
  return codec === null ? input : codec.decompress(input, maxBytes, allocate);
}
