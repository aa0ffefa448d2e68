/**
 * The snapshot of the embedded store: one file, replaced in one step.
 *
 *   magic "OTLM" | format int16 | coveredOffset int64 | count int32 | (length int32 | record)* | crc uint32
 *
 * Big-endian; the CRC-32C is over all before it. The records are those of metadata-records.ts and lead to the state before the record at
 * `coveredOffset` of the metadata log, from where the log is replayed. After a crash there is the old snapshot or the new one, and the log
 * begins at or below what the old one covers: it is shortened only after the new one is in place.
 */
import type { FileSystem } from "@ottla/platform";
import { crc32c } from "@ottla/protocol";
import { MetadataLogFailed } from "./errors.ts";
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
} from "./metadata-records.ts";

export const SNAPSHOT_FILE = "metadata.snapshot";

const MAGIC = "OTLM";
const FORMAT = 0;
const HEADER_BYTES = 18;
const CRC_BYTES = 4;

export interface MetadataSnapshot {
  readonly coveredOffset: number;
  readonly records: readonly MetadataRecord[];
}

export async function writeSnapshot(
  fileSystem: FileSystem,
  directory: string,
  coveredOffset: number,
  records: Iterable<MetadataRecord>,
): Promise<void> {
  const parts: Buffer[] = [Buffer.alloc(HEADER_BYTES)];
  let count = 0;
  for (const record of records) {
    const bytes = encodeMetadataRecord(record);
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(bytes.length);
    parts.push(length, bytes);
    count += 1;
  }
  parts.push(Buffer.alloc(CRC_BYTES));
  const file = Buffer.concat(parts);
  file.write(MAGIC, 0, "latin1");
  file.writeInt16BE(FORMAT, 4);
  file.writeBigInt64BE(BigInt(coveredOffset), 6);
  file.writeInt32BE(count, 14);
  file.writeUInt32BE(crc32c(file, 0, file.length - CRC_BYTES), file.length - CRC_BYTES);
  await fileSystem.writeFileAtomic(`${directory}/${SNAPSHOT_FILE}`, file);
}

/** Null when there is none. @throws {MetadataLogFailed} when it is damaged or of a newer release. */
export async function readSnapshot(
  fileSystem: FileSystem,
  directory: string,
): Promise<MetadataSnapshot | null> {
  const path = `${directory}/${SNAPSHOT_FILE}`;
  const file = await fileSystem.readFile(path);
  if (file === null) {
    return null;
  }
  const end = file.length - CRC_BYTES;
  if (end < HEADER_BYTES || file.toString("latin1", 0, 4) !== MAGIC) {
    throw new MetadataLogFailed(`${path} is no metadata snapshot.`);
  }
  if (file.readInt16BE(4) !== FORMAT) {
    throw new MetadataLogFailed(`${path} was written by a newer release.`);
  }
  if (crc32c(file, 0, end) !== file.readUInt32BE(end)) {
    throw new MetadataLogFailed(`${path} is damaged: its checksum is wrong.`);
  }
  const records: MetadataRecord[] = [];
  let at = HEADER_BYTES;
  for (let left = file.readInt32BE(14); left > 0; left--) {
    const size = file.readInt32BE(at);
    records.push(decodeMetadataRecord(file.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  return { coveredOffset: Number(file.readBigInt64BE(6)), records };
}
