import { gunzipSync, gzipSync } from "node:zlib";
import { behind, type CompressionCodec } from "../codec.ts";
import { compressionError, decompressionError } from "../decompression-error.ts";

/** RFC 1952, by zlib. Level −1 is zlib's own default. */
export const gzip: CompressionCodec = {
  id: 1,
  name: "gzip",
  levels: { min: -1, default: -1, max: 9 },
  compress(input, level, roomBytes, allocate, maxBytes) {
    try {
      return behind(roomBytes, gzipSync(input, { level, maxOutputLength: maxBytes }), allocate);
    } catch (error) {
      throw compressionError("gzip", error, maxBytes);
    }
  },
  decompress(input, maxBytes) {
    try {
      return gunzipSync(input, { maxOutputLength: Math.max(maxBytes, 1) });
    } catch (error) {
      throw decompressionError("gzip", error, maxBytes);
    }
  },
};
