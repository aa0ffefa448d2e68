import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { behind, type CompressionCodec } from "../codec.ts";
import { compressionError, decompressionError } from "../decompression-error.ts";

/** RFC 8878 (KIP-110). */
export const zstd: CompressionCodec = {
  id: 4,
  name: "zstd",
  levels: { min: -131_072, default: 3, max: 22 },
  compress(input, level, roomBytes, allocate, maxBytes) {
    const params = { [constants.ZSTD_c_compressionLevel]: level };
    try {
      const compressed = zstdCompressSync(input, { params, maxOutputLength: maxBytes });
      return behind(roomBytes, compressed, allocate);
    } catch (error) {
      throw compressionError("zstd", error, maxBytes);
    }
  },
  decompress(input, maxBytes) {
    try {
      return zstdDecompressSync(input, { maxOutputLength: Math.max(maxBytes, 1) });
    } catch (error) {
      throw decompressionError("zstd", error, maxBytes);
    }
  },
};
