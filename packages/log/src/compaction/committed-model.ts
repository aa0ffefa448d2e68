/** What a log with transactions must come to, told by those who write it and not by the log. Imported by tests only. */

export interface Written {
  readonly offset: number;
  readonly key: string;
  /** null deletes the key. */
  readonly value: string | null;
}

interface Kept extends Written {
  outcome: "open" | "committed" | "aborted";
}

export interface SentBatch {
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly transactionVersion: 0 | 2;
}

/** A producer as it knows itself. */
export class Writer {
  readonly id: number;
  epoch = 0;
  nextSequence = 0;
  /** First offset of its open transaction, or −1. */
  openOffset = -1;
  /** The newest batch of its epoch. */
  newest: SentBatch | null = null;

  constructor(id: number) {
    this.id = id;
  }

  get isTransactional(): boolean {
    return this.id > 0;
  }

  get hasWritten(): boolean {
    return this.nextSequence > 0 || this.epoch > 0;
  }
}

export class CommittedModel {
  /** The first has no transactions, the others nothing else. */
  readonly writers: readonly Writer[];
  logEnd = 0;
  readonly #kept = new Map<number, Kept>();
  readonly #open = new Map<Writer, Kept[]>();

  constructor(writers: number) {
    this.writers = Array.from({ length: writers }, (_, id) => new Writer(id));
  }

  get lastStable(): number {
    const open = this.writers.map(({ openOffset }) => openOffset).filter((offset) => offset >= 0);
    return Math.min(this.logEnd, ...open);
  }

  appended(writer: Writer, records: readonly Written[], sent: SentBatch): void {
    const outcome = writer.isTransactional ? "open" : "committed";
    const kept = records.map((record): Kept => ({ ...record, outcome }));
    for (const record of kept) this.#kept.set(record.offset, record);
    if (writer.isTransactional) {
      this.#open.set(writer, [...(this.#open.get(writer) ?? []), ...kept]);
      if (writer.openOffset < 0) writer.openOffset = sent.baseOffset;
    }
    writer.newest = sent;
    writer.nextSequence += records.length;
    this.logEnd += records.length;
  }

  /** A marker of this epoch was appended. */
  ended(writer: Writer, epoch: number, outcome: "committed" | "aborted"): void {
    for (const record of this.#open.get(writer) ?? []) record.outcome = outcome;
    this.#open.delete(writer);
    writer.openOffset = -1;
    this.logEnd++;
    if (epoch === writer.epoch) return;
    writer.epoch = epoch;
    writer.nextSequence = 0;
    writer.newest = null;
  }

  /** Committed records of `[from, to)`, in order. */
  committed(from: number, to: number): readonly Written[] {
    return [...this.#kept.values()]
      .filter(({ outcome, offset }) => outcome === "committed" && offset >= from && offset < to)
      .map(({ offset, key, value }) => ({ offset, key, value }));
  }
}

/** What somebody holds who read these records: the last value of each key. */
export function tableOf(records: readonly Written[]): ReadonlyMap<string, string> {
  const table = new Map<string, string>();
  for (const { key, value } of records) {
    if (value === null) table.delete(key);
    else table.set(key, value);
  }
  return table;
}
