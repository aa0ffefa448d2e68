import type { Allocate } from "../codec.ts";
import type { BlockMachine } from "./block-machine.ts";
import { OUTPUT, OUTPUT_END } from "./block-memory.ts";

/** Collects what a machine writes, in the machine's memory as long as it fits, so that the result is allocated once, as large as it is. */
export class BlockOutput {
  readonly #memory: Uint8Array;
  /** What had to make room, in order. */
  #parts: Buffer[] | null = null;
  #partsBytes = 0;
  #end = OUTPUT;

  constructor(machine: BlockMachine) {
    this.#memory = machine.memory;
  }

  /** Bytes collected. */
  get sizeBytes(): number {
    return this.#partsBytes + this.#end - OUTPUT;
  }

  /** Where to write up to `bytes` more, at most a region's; `advance` then says how far it went. */
  reserve(bytes: number): number {
    if (bytes > OUTPUT_END - this.#end) {
      this.#parts ??= [];
      this.#parts.push(Buffer.from(this.#memory.subarray(OUTPUT, this.#end)));
      this.#partsBytes += this.#end - OUTPUT;
      this.#end = OUTPUT;
    }
    return this.#end;
  }

  advance(end: number): void {
    this.#end = end;
  }

  /** Everything, after so many bytes left free for the caller. */
  take(roomBytes: number, allocate: Allocate): Buffer {
    const result = allocate(roomBytes + this.sizeBytes);
    let at = roomBytes;
    for (const part of this.#parts ?? []) {
      result.set(part, at);
      at += part.length;
    }
    result.set(this.#memory.subarray(OUTPUT, this.#end), at);
    return result;
  }
}
