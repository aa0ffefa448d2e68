/**
 * A file descriptor behind {@link FileHandle}.
 *
 * Direct I/O: some file systems refuse O_DIRECT when the file is opened, others only with the first transfer (EINVAL). Either way the
 * handle goes on without it: the file is opened a second time, buffered, and `direct` turns false. Descriptors are closed together, as transfers may
 * still be under way on the first one.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import {
  allocateAligned,
  DIRECT_ALIGNMENT,
  type FileHandle,
  FileSystemError,
  type OpenOptions,
} from "./file-system.ts";
import { toFileSystemError } from "./node-errors.ts";

const ALLOCATE_CHUNK_BYTES = 1_048_576;
// Absent on some systems, whatever the types say: then there is no direct I/O, and `synchronous` flushes after each write.
const O_DIRECT: number | undefined = fs.constants.O_DIRECT;
const O_DSYNC: number | undefined = fs.constants.O_DSYNC;

export class NodeFileHandle implements FileHandle {
  readonly #path: string;
  readonly #options: OpenOptions;
  #fd: number;
  #direct: boolean;
  #refusedFd: number | null = null;
  #closed = false;

  private constructor(path: string, options: OpenOptions, fd: number, direct: boolean) {
    this.#path = path;
    this.#options = options;
    this.#fd = fd;
    this.#direct = direct;
  }

  static async open(path: string, options: OpenOptions): Promise<NodeFileHandle> {
    if (options.direct && O_DIRECT !== undefined) {
      try {
        const fd = await openDescriptor(path, openFlags(options) | O_DIRECT);
        return new NodeFileHandle(path, options, fd, true);
      } catch (cause) {
        if (!isInvalidArgument(cause)) {
          throw toFileSystemError(path, cause);
        }
      }
    }
    try {
      const fd = await openDescriptor(path, openFlags(options));
      return new NodeFileHandle(path, options, fd, false);
    } catch (cause) {
      throw toFileSystemError(path, cause);
    }
  }

  get direct(): boolean {
    return this.#direct;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const wanted = filled === 0 ? target : target.subarray(filled);
      const at = position + filled;
      const size = await this.#transfer(() => readSome(this.#fd, wanted, at), [wanted], at);
      filled += size;
      // A direct read that ends within a block has met the end of the file; the rest would start unaligned.
      if (size === 0 || (this.#direct && size % DIRECT_ALIGNMENT !== 0)) {
        break;
      }
    }
    return filled;
  }

  async write(parts: readonly Uint8Array[], position: number, inline = false): Promise<void> {
    const run = inline ? writeSomeInline : writeSome;
    let total = 0;
    for (const part of parts) {
      total += part.length;
    }
    let rest = parts;
    let written = 0;
    while (written < total) {
      const at = position + written;
      const size = await this.#transfer(() => run(this.#fd, rest, at), rest, at);
      if (size === 0) {
        throw new FileSystemError("io", this.#path, new Error("nothing was written"));
      }
      written += size;
      if (written < total) {
        rest = skipBytes(rest, size);
      }
    }
    if (this.#options.synchronous && O_DSYNC === undefined) {
      await this.sync();
    }
  }

  async sync(): Promise<void> {
    await this.#call((done) => fs.fdatasync(this.#fd, done));
  }

  async truncate(size: number): Promise<void> {
    await this.#call((done) => fs.ftruncate(this.#fd, size, done));
  }

  /** Node has no fallocate, so zeros are written and flushed. */
  async allocate(size: number): Promise<void> {
    const from = await this.size();
    if (from >= size) {
      return;
    }
    if (this.#direct && (from % DIRECT_ALIGNMENT !== 0 || size % DIRECT_ALIGNMENT !== 0)) {
      await this.#allocateBuffered(size);
      return;
    }
    const zeros = new Uint8Array(
      allocateAligned(Math.min(size - from, ALLOCATE_CHUNK_BYTES)).buffer,
    );
    for (let at = from; at < size; at += zeros.length) {
      await this.write([zeros.subarray(0, Math.min(zeros.length, size - at))], at);
    }
    await this.#call((done) => fs.fsync(this.#fd, done));
  }

  async size(): Promise<number> {
    let size = 0;
    await this.#call((done) =>
      fs.fstat(this.#fd, (error, stats) => {
        size = error === null ? stats.size : 0;
        done(error);
      }),
    );
    return size;
  }

  async close(): Promise<void> {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    await this.#call((done) => fs.close(this.#fd, done));
    const refused = this.#refusedFd;
    if (refused !== null) {
      await this.#call((done) => fs.close(refused, done));
    }
  }

  async #allocateBuffered(size: number): Promise<void> {
    const buffered = await NodeFileHandle.open(this.#path, { access: "write" });
    try {
      await buffered.allocate(size);
    } finally {
      await buffered.close();
    }
  }

  /** Runs one read or write; when the file system turns out to refuse direct I/O, once more without it. */
  async #transfer(
    run: () => Promise<number>,
    parts: readonly Uint8Array[],
    position: number,
  ): Promise<number> {
    try {
      return await run();
    } catch (cause) {
      if (!this.#isDirectRefused(cause, parts, position)) {
        throw toFileSystemError(this.#path, cause);
      }
    }
    this.#reopenBuffered();
    try {
      return await run();
    } catch (cause) {
      throw toFileSystemError(this.#path, cause);
    }
  }

  #isDirectRefused(cause: unknown, parts: readonly Uint8Array[], position: number): boolean {
    // Of several transfers refused at once the first reopens the file; the others find it done.
    if (!isInvalidArgument(cause) || !(this.#direct || this.#refusedFd !== null)) {
      return false;
    }
    assert(
      isAligned(parts, position),
      `direct I/O needs aligned buffers and positions: ${this.#path}`,
    );
    return true;
  }

  #reopenBuffered(): void {
    if (this.#direct) {
      const fd = fs.openSync(this.#path, openFlags({ ...this.#options, create: false }));
      this.#refusedFd = this.#fd;
      this.#fd = fd;
      this.#direct = false;
    }
  }

  #call(start: (done: (error: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      start((error) => (error === null ? resolve() : reject(toFileSystemError(this.#path, error))));
    });
  }
}

function openFlags(options: OpenOptions): number {
  const access = options.access === "write" ? fs.constants.O_RDWR : fs.constants.O_RDONLY;
  const create = options.create ? fs.constants.O_CREAT : 0;
  const synchronous = options.synchronous ? (O_DSYNC ?? 0) : 0;
  return access | create | synchronous;
}

function openDescriptor(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o644, (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}

function readSome(fd: number, target: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, target, 0, target.length, position, (error, size) =>
      error === null ? resolve(size) : reject(error),
    );
  });
}

function writeSome(fd: number, parts: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, size: number) =>
      error === null ? resolve(size) : reject(error);
    if (parts.length === 1) {
      fs.write(fd, parts[0]!, 0, parts[0]!.length, position, done);
    } else {
      fs.writev(fd, parts, position, done);
    }
  });
}

async function writeSomeInline(
  fd: number,
  parts: readonly Uint8Array[],
  position: number,
): Promise<number> {
  return fs.writevSync(fd, parts, position);
}

/** What is left of `parts` after their first `size` bytes. */
function skipBytes(parts: readonly Uint8Array[], size: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let toSkip = size;
  for (const part of parts) {
    if (toSkip >= part.length) {
      toSkip -= part.length;
    } else {
      rest.push(toSkip === 0 ? part : part.subarray(toSkip));
      toSkip = 0;
    }
  }
  return rest;
}

function isAligned(parts: readonly Uint8Array[], position: number): boolean {
  return (
    position % DIRECT_ALIGNMENT === 0 &&
    parts.every((part) => (part.byteOffset | part.length) % DIRECT_ALIGNMENT === 0)
  );
}

function isInvalidArgument(cause: unknown): boolean {
  return (cause as NodeJS.ErrnoException | null)?.code === "EINVAL";
}
