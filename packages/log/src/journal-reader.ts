/**
 * Reads the groups of a journal in order, from a cut to the first one that is missing or torn. Used once, at start-up.
 *
 * A torn end and damage look alike where they are, but not behind it: one group is written at a time, so a whole group with a higher LSN
 * than the one that cannot be read says that this one was durable, and is damaged ({@link JournalReader.findBeyond}).
 *
 * Where a group is looked for there may be what a client sent: files are used again as they stand, and behind the end lie the payloads of
 * groups of another size. So only what carries the journal's key is a group. A checkpoint of a version without keys knows none; then any will do.
 */
import type { FileHandle, FileSystem } from "@ottla/platform";
import { crc32c } from "@ottla/protocol";
import { CorruptLog } from "./errors.ts";
import { type JournalCut, journalFilePath, listJournalFiles } from "./journal-files.ts";
import {
  BLOCK_BYTES,
  directoryStart,
  GROUP_MAGIC,
  type GroupHeader,
  type JournalEntry,
  readGroupEntries,
  readGroupHeader,
} from "./journal-format.ts";

type Crc = (bytes: Buffer, start: number, end: number) => number;

export interface ReadGroup {
  readonly entries: readonly JournalEntry[];
  readonly bytes: Buffer;
  readonly path: string;
  readonly position: number;
}

export interface FoundGroup {
  readonly path: string;
  readonly position: number;
  readonly lsn: number;
}

/** Bytes read at once: many small groups, or a part of a large one. */
const CHUNK_BYTES = 1_048_576;

export class JournalReader {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #crc: Crc;
  readonly #key: number | null;
  readonly lastLsns = new Map<number, number>();
  /** LSN of the first group in each file. */
  readonly #firstLsns = new Map<number, number>();
  nextLsn = 1;
  #file = 0;
  #position = 0;
  #handle: FileHandle | null = null;
  #chunk = Buffer.alloc(0);
  /** Where in the file the chunk starts. */
  #chunkAt = 0;

  /** @param key null when it is not known: groups with any key are read */
  constructor(fileSystem: FileSystem, directory: string, crc: Crc, key: number | null) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#crc = crc;
    this.#key = key;
  }

  async open(cut: JournalCut): Promise<void> {
    this.nextLsn = cut.lsn;
    for (const number of await listJournalFiles(this.#fileSystem, this.#directory)) {
      const handle = await this.#open(number);
      const block = Buffer.alloc(BLOCK_BYTES);
      const size = await handle.read(block, 0).finally(() => handle.close());
      const header = this.#readHeader(block.subarray(0, size));
      this.#firstLsns.set(number, header?.lsn ?? 0);
    }
    if (this.#firstLsns.has(cut.fileNumber)) await this.#enter(cut.fileNumber, cut.position);
  }

  /** Where the next group would be; null when no file has been written yet. */
  get end(): JournalCut | null {
    if (this.#file === 0) return null;
    return { lsn: this.nextLsn, fileNumber: this.#file, position: this.#position };
  }

  /** @throws {CorruptLog} when a whole group makes no sense. */
  async next(): Promise<ReadGroup | null> {
    const here = this.#handle === null ? null : await this.#readGroup();
    if (here !== null) return here;
    for (const [number, firstLsn] of this.#firstLsns) {
      if (firstLsn !== this.nextLsn || number === this.#file) continue;
      const { end } = this;
      await this.#enter(number, 0);
      const group = await this.#readGroup();
      if (group !== null) return group;
      // Its first group is torn: the journal ends here, and writing may as well go on in this file.
      if (end === null) return null;
      await this.#enter(end.fileNumber, end.position);
      return null;
    }
    return null;
  }

  /** A whole group behind the one that could not be read, or null. To be called when {@link next} has said null, before {@link close}. */
  async findBeyond(): Promise<FoundGroup | null> {
    const { end } = this;
    for (const [number, firstLsn] of this.#firstLsns) {
      if (firstLsn > this.nextLsn) return { ...this.#place(number, 0), lsn: firstLsn };
    }
    for (const [number, firstLsn] of this.#firstLsns) {
      // Files that start with an earlier group have been read, or hold nothing new.
      const isEnd = end !== null && number === end.fileNumber;
      if (!isEnd && firstLsn !== 0 && firstLsn !== this.nextLsn) continue;
      const found = await this.#scan(number, isEnd ? end.position : 0);
      if (found !== null) return found;
    }
    return null;
  }

  /** The first whole group with a higher LSN in that file; not inside the group that could not be read, whose bytes are anybody's. */
  async #scan(number: number, start: number): Promise<FoundGroup | null> {
    await this.#enter(number, start);
    const size = await this.#handle!.size();
    let position = start;
    while (position + BLOCK_BYTES <= size) {
      const block = (await this.#bytes(position, BLOCK_BYTES))!;
      const isGroup = block.readUInt32BE(0) === GROUP_MAGIC;
      const header = isGroup ? this.#readHeader(block) : null;
      const isPossible = header !== null && isPlausible(header) && header.lsn >= this.nextLsn;
      if (isPossible && header.lsn > this.nextLsn) {
        const bytes = await this.#bytes(position, header.sizeBytes);
        if (bytes !== null && readGroupEntries(header, bytes, this.#crc) !== null) {
          return { ...this.#place(number, position), lsn: header.lsn };
        }
      }
      position += isPossible ? header.sizeBytes : BLOCK_BYTES;
    }
    return null;
  }

  #place(number: number, position: number): { readonly path: string; readonly position: number } {
    return { path: journalFilePath(this.#directory, number), position };
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
  }

  async #readGroup(): Promise<ReadGroup | null> {
    const head = await this.#bytes(this.#position, BLOCK_BYTES);
    const header = head === null ? null : this.#readHeader(head);
    if (header === null || header.lsn !== this.nextLsn || !isPlausible(header)) return null;
    const bytes = await this.#bytes(this.#position, header.sizeBytes);
    if (bytes === null) return null;
    const entries = readGroupEntries(header, bytes, this.#crc);
    if (entries === null) return null;
    const path = journalFilePath(this.#directory, this.#file);
    const group = { entries, bytes, path, position: this.#position };
    if (header.entries === 0) throw new CorruptLog(path, this.#position, "an empty group");
    this.lastLsns.set(this.#file, header.lsn);
    this.#position += header.sizeBytes;
    this.nextLsn++;
    return group;
  }

  /** The header at the start of `block` if the engine wrote it. */
  #readHeader(block: Buffer): GroupHeader | null {
    const header = readGroupHeader(block, this.#crc);
    return this.#key === null || header?.key === this.#key ? header : null;
  }

  /** A view of that many bytes of the file, or null when it ends before. */
  async #bytes(position: number, sizeBytes: number): Promise<Buffer | null> {
    const at = position - this.#chunkAt;
    if (at < 0 || at + sizeBytes > this.#chunk.length) {
      const chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, sizeBytes));
      const size = await this.#handle!.read(chunk, position);
      this.#chunk = chunk.subarray(0, size);
      this.#chunkAt = position;
      return size < sizeBytes ? null : chunk.subarray(0, sizeBytes);
    }
    return this.#chunk.subarray(at, at + sizeBytes);
  }

  async #enter(number: number, position: number): Promise<void> {
    await this.close();
    this.#handle = await this.#open(number);
    this.#file = number;
    this.#position = position;
    this.#chunk = Buffer.alloc(0);
    this.#chunkAt = 0;
  }

  #open(number: number): Promise<FileHandle> {
    return this.#fileSystem.open(journalFilePath(this.#directory, number), { access: "read" });
  }
}

function isPlausible(header: GroupHeader): boolean {
  return (
    header.sizeBytes > 0 &&
    header.sizeBytes % BLOCK_BYTES === 0 &&
    directoryStart(header.payloadBytes) + header.directoryBytes <= header.sizeBytes
  );
}

/** The path of a journal file that starts with a group, or null. */
export async function findGroup(fileSystem: FileSystem, directory: string): Promise<string | null> {
  for (const number of await listJournalFiles(fileSystem, directory)) {
    const path = journalFilePath(directory, number);
    const handle = await fileSystem.open(path, { access: "read" });
    const block = Buffer.alloc(BLOCK_BYTES);
    try {
      const size = await handle.read(block, 0);
      if (readGroupHeader(block.subarray(0, size), crc32c) !== null) return path;
    } finally {
      await handle.close();
    }
  }
  return null;
}
