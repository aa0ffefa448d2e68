/** An open file of a simulated disk (simulated-file-system.ts): each call becomes a change of the disk, and fails and crashes with it. */
import assert from "node:assert/strict";
import {
  DIRECT_ALIGNMENT,
  type FileHandle,
  FileSystemError,
  type OpenOptions,
} from "./file-system.ts";
import type { Random } from "./random.ts";
import type { ChangingOperation, Fault } from "./simulated-faults.ts";
import type { SimulatedFile } from "./simulated-file.ts";

/** What the handles need of the disk. */
export interface SimulatedDisk {
  random(): Random;
  fail(operation: Fault["operation"], path: string): void;
  change<T>(
    operation: ChangingOperation,
    path: string,
    apply: () => T,
    finish?: (result: T) => void,
    onFault?: () => void,
  ): Promise<void>;
  /** Bytes until the disk is full. */
  room(): number;
  resized(file: SimulatedFile, byBytes: number): void;
}

export class SimulatedFileHandle implements FileHandle {
  readonly direct: boolean;
  readonly #disk: SimulatedDisk;
  readonly #path: string;
  readonly #file: SimulatedFile;
  readonly #options: OpenOptions;
  #closed = false;

  constructor(disk: SimulatedDisk, file: string, node: SimulatedFile, options: OpenOptions) {
    this.direct = options.direct ?? false;
    this.#disk = disk;
    this.#path = file;
    this.#file = node;
    this.#options = options;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.#check("read", [target], position);
    this.#disk.fail("read", this.#path);
    return this.#file.read(target, position);
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    this.#check("write", parts, position);
    const bytes = Buffer.concat(parts);
    const fits = this.#bytesThatFit(position, bytes.length);
    const start = (size: number) =>
      this.#resizing(() => this.#file.write(bytes.subarray(0, size), position));
    await this.#disk.change(
      "write",
      this.#path,
      () => start(fits),
      (change) => this.#file.finish(change, this.#options.synchronous ?? false),
      () => {
        const random = this.#disk.random();
        this.#file.failFlush([start(random.integer(fits + 1))], random);
      },
    );
    if (fits < bytes.length) {
      throw new FileSystemError("no-space", this.#path, new Error("the simulated disk is full"));
    }
  }

  async sync(): Promise<void> {
    this.#check("read", [], 0);
    const changes = this.#file.flushable();
    await this.#disk.change(
      "sync",
      this.#path,
      () => {},
      () => this.#file.flush(changes),
      () => this.#file.failFlush(changes, this.#disk.random()),
    );
  }

  async truncate(size: number): Promise<void> {
    this.#check("write", [], 0);
    await this.#disk.change(
      "truncate",
      this.#path,
      () => this.#resizing(() => this.#file.truncate(size)),
      (change) => this.#file.finish(change, false),
    );
  }

  async allocate(size: number): Promise<void> {
    this.#check("write", [], 0);
    if (size - this.#file.size > this.#disk.room()) {
      throw new FileSystemError("no-space", this.#path, new Error("the simulated disk is full"));
    }
    await this.#disk.change(
      "allocate",
      this.#path,
      () => this.#resizing(() => this.#file.grow(size)),
      (change) => this.#file.finish(change, true),
    );
  }

  async size(): Promise<number> {
    this.#check("read", [], 0);
    return this.#file.size;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #bytesThatFit(position: number, size: number): number {
    const end = Math.max(this.#file.size, position) + this.#disk.room();
    return Math.max(0, Math.min(size, end - position));
  }

  #resizing<T>(change: () => T): T {
    const before = this.#file.size;
    const result = change();
    this.#disk.resized(this.#file, this.#file.size - before);
    return result;
  }

  #check(access: "read" | "write", parts: readonly Uint8Array[], position: number): void {
    if (this.#closed) {
      throw new FileSystemError("io", this.#path, new Error("the file is closed"));
    }
    if (access === "write" && this.#options.access === "read") {
      throw new FileSystemError("io", this.#path, new Error("opened for reading only"));
    }
    if (this.direct) {
      const isAligned =
        position % DIRECT_ALIGNMENT === 0 &&
        parts.every((part) => (part.byteOffset | part.length) % DIRECT_ALIGNMENT === 0);
      assert(isAligned, `direct I/O needs aligned buffers and positions: ${this.#path}`);
    }
  }
}
