/** The first walk of a round: notes the last offset of each key from the first dirty offset on, as far as the map has room. */
import { baseOffset, isControl, lastOffset, RecordCursor } from "@ottla/protocol";
import { type BatchMemory, ownMemory, UncleanableBatch } from "./batch-cleaner.ts";
import type { OffsetMap } from "./offset-map.ts";
import type { TransactionSieve } from "./transaction-sieve.ts";

export class DirtyKeys {
  readonly map: OffsetMap;
  /** Every record from the first dirty offset to before this one is in the map. */
  end: number;
  readonly #start: number;
  readonly #sieve: TransactionSieve;
  readonly #memory: BatchMemory;
  readonly #cursor = new RecordCursor();

  constructor(
    map: OffsetMap,
    start: number,
    sieve: TransactionSieve,
    memory: BatchMemory = ownMemory,
  ) {
    this.map = map;
    this.end = start;
    this.#start = start;
    this.#sieve = sieve;
    this.#memory = memory;
  }

  /**
   * Takes the next batch of the walk. False when the map is full: {@link end} then says how far it got, maybe within the batch.
   * @throws {UncleanableBatch}
   */
  add(buffer: Buffer, at: number): boolean {
    if (lastOffset(buffer, at) < this.#start) return true;
    if (!this.#memory.isCrcValid(buffer, at)) {
      throw new UncleanableBatch(baseOffset(buffer, at), "does not match its CRC");
    }
    if (!this.#sieve.discards(buffer, at) && !isControl(buffer, at)) {
      if (!this.#addRecords(buffer, at)) return false;
    }
    this.end = lastOffset(buffer, at) + 1;
    return true;
  }

  #addRecords(buffer: Buffer, at: number): boolean {
    const cursor = this.#cursor;
    try {
      cursor.start(buffer, at);
      while (cursor.next()) {
        const { offset } = cursor;
        if (offset < this.#start) continue;
        if (cursor.keyStart >= 0) {
          if (!this.map.put(cursor.buffer, cursor.keyStart, cursor.keyEnd, offset)) return false;
        }
        this.end = offset + 1;
      }
    } catch (cause) {
      throw new UncleanableBatch(baseOffset(buffer, at), "cannot be read", cause);
    }
    return true;
  }
}
