/** Where each leader epoch of a partition begins (LG15), as kept in Kafka's `leader-epoch-checkpoint`. */

export class LeaderEpochs {
  /** Flat: epoch, start offset; both grow. */
  readonly #entries: number[];

  constructor(entries: number[] = []) {
    this.#entries = entries;
  }

  /** Flat: epoch, start offset. */
  get entries(): readonly number[] {
    return this.#entries;
  }

  get latest(): number {
    return this.#entries.at(-2) ?? -1;
  }

  /** Notes that batches from `startOffset` on carry `epoch`. Epochs without a batch vanish. */
  assign(epoch: number, startOffset: number): void {
    if (epoch <= this.latest) return;
    this.truncateTo(startOffset);
    this.#entries.push(epoch, startOffset);
  }

  /** The epoch of the record at `offset`, or −1. */
  epochOf(offset: number): number {
    for (let i = this.#entries.length - 2; i >= 0; i -= 2) {
      if (this.#entries[i + 1]! <= offset) return this.#entries[i]!;
    }
    return -1;
  }

  /** The greatest epoch at or below the one asked for and where it ends; −1, −1 when there is none, as for −1 itself. */
  endOf(epoch: number, logEnd: number): { readonly epoch: number; readonly endOffset: number } {
    const entries = this.#entries;
    const isUnknown = entries.length === 0 || epoch === -1 || epoch > this.latest;
    if (isUnknown) return { epoch: -1, endOffset: -1 };
    if (epoch === this.latest) return { epoch, endOffset: logEnd };
    for (let i = entries.length - 4; i >= 0; i -= 2) {
      if (entries[i]! <= epoch) return { epoch: entries[i]!, endOffset: entries[i + 3]! };
    }
    // Older than anything known: the epoch itself, ending where the first known one starts.
    return { epoch, endOffset: entries[1]! };
  }

  /** Forgets epochs that begin at or above `endOffset`, which never became durable. */
  truncateTo(endOffset: number): void {
    const entries = this.#entries;
    while (entries.length > 0 && entries[entries.length - 1]! >= endOffset) entries.length -= 2;
  }

  /** Forgets epochs that end at or below the log start; the one that holds it then begins there. */
  removeBelow(logStart: number): void {
    const entries = this.#entries;
    while (entries.length >= 4 && entries[3]! <= logStart) entries.splice(0, 2);
    if (entries.length >= 2 && entries[1]! < logStart) entries[1] = logStart;
  }

  /** The content of `leader-epoch-checkpoint`. */
  format(): string {
    let text = `0\n${this.#entries.length / 2}\n`;
    for (let i = 0; i < this.#entries.length; i += 2) {
      text += `${this.#entries[i]} ${this.#entries[i + 1]}\n`;
    }
    return text;
  }
}

/** Reads what {@link LeaderEpochs.format} writes; null when it is damaged. */
export function parseLeaderEpochs(text: string): number[] | null {
  const lines = text.split("\n").filter((line) => line !== "");
  if (lines[0] !== "0" || Number(lines[1]) !== lines.length - 2) return null;
  const entries: number[] = [];
  for (const line of lines.slice(2)) {
    const match = /^(-?\d+) (\d+)$/.exec(line);
    if (match === null) return null;
    entries.push(Number(match[1]), Number(match[2]));
  }
  return entries;
}
