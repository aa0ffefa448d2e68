/**
 * Finds the aborted transactions that overlap a read, and keeps them in files (transaction-index.ts). Entries in memory that are also in files are
 * bounded for the whole engine; those of the segments least recently loaded are dropped, and read again when a read needs them.
 */
import type { EngineState } from "./engine-state.ts";
import { CorruptLog } from "./errors.ts";
import type { PartitionFiles } from "./partition-files.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { Segment } from "./segment.ts";
import { segmentOf } from "./segment-reader.ts";
import {
  ABORTED_ENTRY_BYTES,
  type AbortedTransaction,
  encodeAborted,
} from "./transaction-index.ts";

const MAX_LOADED_ENTRIES = 131_072;
const NONE: readonly AbortedTransaction[] = [];

export class AbortedTransactions {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #maxEntries: number;
  /** Segments with entries of their file in memory, least recently loaded first. */
  readonly #loaded = new Set<Segment>();

  constructor(state: EngineState, files: PartitionFiles, maxEntries = MAX_LOADED_ENTRIES) {
    this.#state = state;
    this.#files = files;
    this.#maxEntries = maxEntries;
  }

  /** The transactions that overlap `[from, to)`, by first offset; null when a file must be read first. */
  find(log: PartitionLog, from: number, to: number): readonly AbortedTransaction[] | null {
    const first = log.hasAborted ? segmentOf(log, from) : null;
    if (first === null) return NONE;
    const found: AbortedTransaction[] = [];
    for (let i = log.segments.indexOf(first); i < log.segments.length; i++) {
      const { aborted } = log.segments[i]!;
      if (!aborted.isLoaded) return null;
      if (aborted.collect(from, to, found)) break;
    }
    return found.sort(byFirstOffset);
  }

  /** The same, from files where needed. @throws {CorruptLog} */
  async load(log: PartitionLog, from: number, to: number): Promise<readonly AbortedTransaction[]> {
    const first = log.hasAborted ? segmentOf(log, from) : null;
    if (first === null) return NONE;
    const { cleanings } = log;
    const found: AbortedTransaction[] = [];
    for (const segment of log.segments.slice(log.segments.indexOf(first))) {
      await this.#load(log, segment);
      if (segment.aborted.isLoaded && segment.aborted.collect(from, to, found)) break;
    }
    // Cleaning moved entries from segment to segment meanwhile.
    if (log.cleanings !== cleanings) return this.load(log, from, to);
    return found.sort(byFirstOffset);
  }

  /** Takes the entries of markers that are in their segments to the files, and flushes them. Only while writing exclusively. */
  async persist(log: PartitionLog): Promise<void> {
    if (!log.hasAborted) return;
    for (const segment of [...log.segments]) {
      const { aborted } = segment;
      const isWritten = (entry: AbortedTransaction) => entry.lastOffset < log.writtenOffset;
      const entries = aborted.pending.filter(isWritten);
      if (entries.length === 0 || log.isDeleted) continue;
      const path = this.#files.segmentPath(log, segment.baseOffset, "txnindex");
      const { fileSystem } = this.#state.options;
      const file = await fileSystem.open(path, { access: "write", create: true });
      try {
        const bytes = encodeAborted(entries);
        const position = aborted.persisted * ABORTED_ENTRY_BYTES;
        await file.write([bytes], position);
        await file.truncate(position + bytes.length);
        await file.sync();
      } finally {
        await file.close();
      }
      if (aborted.persisted === 0) this.#files.noteNewName(this.#files.directory(log));
      aborted.markPersisted(entries.length);
      this.#limit(segment);
    }
  }

  async #load(log: PartitionLog, segment: Segment): Promise<void> {
    const { aborted } = segment;
    if (aborted.isLoaded) return;
    if (segment.moving !== null) await segment.moving;
    const path = this.#files.segmentPath(log, segment.baseOffset, "txnindex");
    const bytes = await this.#state.options.fileSystem.readFile(path);
    // Retention, or deletion of the topic, may have taken the segment meanwhile.
    if (aborted.isLoaded || log.isDeleted || !log.segments.includes(segment)) return;
    if (bytes === null || !aborted.load(bytes)) {
      const detail = "the index of aborted transactions is not what was written";
      this.#state.probe.corrupted(path, 0, detail);
      throw new CorruptLog(path, 0, detail);
    }
    this.#limit(segment);
  }

  /** Drops what is in files, of other segments first, until the rest is within bounds. */
  #limit(newest: Segment): void {
    if (!newest.aborted.isLoaded) return;
    this.#loaded.delete(newest);
    this.#loaded.add(newest);
    let entries = 0;
    for (const { aborted } of this.#loaded) entries += aborted.loadedEntries;
    for (const segment of this.#loaded) {
      if (entries <= this.#maxEntries || segment === newest) return;
      this.#loaded.delete(segment);
      entries -= segment.aborted.loadedEntries;
      segment.aborted.unload();
    }
  }
}

function byFirstOffset(a: AbortedTransaction, b: AbortedTransaction): number {
  return a.firstOffset - b.firstOffset;
}
