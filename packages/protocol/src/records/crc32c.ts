/** CRC-32C (Castagnoli), reflected, as record batches carry it: slicing by eight. */
const POLYNOMIAL = 0x82f63b78;

/** Eight tables of 256 entries: table k advances a byte over k further zero bytes. */
export const TABLES = buildTables();

function buildTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    }
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const previous = tables[at - 256]!;
    tables[at] = tables[previous & 0xff]! ^ (previous >>> 8);
  }
  return tables;
}

/** Checksum of `buffer[start, end)`, as an unsigned number. */
export function crc32c(buffer: Uint8Array, start: number, end: number, seed = 0): number {
  const tables = TABLES;
  let crc = ~seed;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const a =
      crc ^
      (buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24));
    crc =
      tables[1792 + (a & 0xff)]! ^
      tables[1536 + ((a >>> 8) & 0xff)]! ^
      tables[1280 + ((a >>> 16) & 0xff)]! ^
      tables[1024 + (a >>> 24)]! ^
      tables[768 + buffer[at + 4]!]! ^
      tables[512 + buffer[at + 5]!]! ^
      tables[256 + buffer[at + 6]!]! ^
      tables[buffer[at + 7]!]!;
  }
  for (; at < end; at++) {
    crc = tables[(crc ^ buffer[at]!) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
