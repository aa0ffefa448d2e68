/**
 * Files that live as long as this object. Same rules as on a POSIX disk: a folder must exist before a file is created in it, a
 * removed file stays usable through handles that are open, a rename replaces what had the name. Paths are POSIX paths; relative ones
 * start at the root. Every write is as durable as this storage gets, so `sync` does nothing.
 */
import path from "node:path";
import {
  type DirectoryEntry,
  type DirectoryLock,
  type FileHandle,
  type FileSystem,
  FileSystemError,
  type OpenOptions,
} from "./file-system.ts";
import { partsOf } from "./path-parts.ts";
import { SparseBytes } from "./sparse-bytes.ts";

type Node = SparseBytes | Folder;
type Folder = Map<string, Node>;

const TOTAL_BYTES = 2 ** 40;

export class MemoryFileSystem implements FileSystem {
  readonly #root: Folder = new Map();
  readonly #locks = new Set<Folder>();

  async open(file: string, options: OpenOptions): Promise<FileHandle> {
    const { parent, name } = this.#parentOf(file);
    let node = parent.get(name);
    if (node === undefined) {
      if (!options.create) {
        throw new FileSystemError("not-found", file);
      }
      node = new SparseBytes();
      parent.set(name, node);
    }
    if (!(node instanceof SparseBytes)) {
      throw new FileSystemError("io", file, new Error("it is a folder"));
    }
    return new MemoryFileHandle(file, node, options);
  }

  async readFile(file: string): Promise<Buffer | null> {
    const node = this.#find(file);
    if (!(node instanceof SparseBytes)) {
      return null;
    }
    const bytes = Buffer.alloc(node.size);
    node.read(bytes, 0);
    return bytes;
  }

  async writeFileAtomic(file: string, bytes: Uint8Array): Promise<void> {
    const { parent, name } = this.#parentOf(file);
    const content = new SparseBytes();
    content.write(bytes, 0);
    parent.set(name, content);
  }

  async list(folder: string): Promise<readonly DirectoryEntry[]> {
    const node = this.#find(folder);
    if (!(node instanceof Map)) {
      return [];
    }
    return [...node].map(([name, child]) => ({ name, isDirectory: child instanceof Map }));
  }

  async makeDirectory(folder: string): Promise<void> {
    let at = this.#root;
    for (const name of partsOf(folder)) {
      let next = at.get(name);
      if (next === undefined) {
        next = new Map();
        at.set(name, next);
      }
      if (!(next instanceof Map)) {
        throw new FileSystemError("exists", folder);
      }
      at = next;
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#parentOf(from);
    const target = this.#parentOf(to);
    const node = source.parent.get(source.name);
    if (node === undefined) {
      throw new FileSystemError("not-found", from);
    }
    const replaced = target.parent.get(target.name);
    if (replaced === node) {
      return;
    }
    if (replaced instanceof Map && replaced.size > 0) {
      throw new FileSystemError("exists", to);
    }
    source.parent.delete(source.name);
    target.parent.set(target.name, node);
  }

  async remove(target: string): Promise<void> {
    if (this.#find(target) !== null) {
      const { parent, name } = this.#parentOf(target);
      parent.delete(name);
    }
  }

  async syncDirectory(folder: string): Promise<void> {
    this.#folder(folder);
  }

  async lockDirectory(folder: string): Promise<DirectoryLock> {
    const node = this.#folder(folder);
    if (this.#locks.has(node)) {
      throw new FileSystemError("locked", folder);
    }
    this.#locks.add(node);
    let isHeld = true;
    return {
      release: async () => {
        if (isHeld) {
          isHeld = false;
          this.#locks.delete(node);
        }
      },
    };
  }

  /** A volume of 1 TiB: memory ends before it does. */
  async capacity(): Promise<{ totalBytes: number; usableBytes: number }> {
    return { totalBytes: TOTAL_BYTES, usableBytes: TOTAL_BYTES };
  }

  #find(target: string): Node | null {
    let node: Node = this.#root;
    for (const name of partsOf(target)) {
      const next: Node | undefined = node instanceof Map ? node.get(name) : undefined;
      if (next === undefined) {
        return null;
      }
      node = next;
    }
    return node;
  }

  #folder(folder: string): Folder {
    const node = this.#find(folder);
    if (!(node instanceof Map)) {
      throw new FileSystemError("not-found", folder);
    }
    return node;
  }

  #parentOf(target: string): { parent: Folder; name: string } {
    const parent = this.#find(path.posix.dirname(target));
    if (!(parent instanceof Map)) {
      throw new FileSystemError("not-found", target);
    }
    return { parent, name: path.posix.basename(target) };
  }
}

class MemoryFileHandle implements FileHandle {
  readonly direct: boolean;
  readonly #path: string;
  readonly #content: SparseBytes;
  readonly #isWritable: boolean;
  #closed = false;

  constructor(file: string, content: SparseBytes, options: OpenOptions) {
    this.#path = file;
    this.#content = content;
    this.#isWritable = options.access === "write";
    this.direct = false; // There is no page cache to go around.
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.#check(false);
    return this.#content.read(target, position);
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    this.#check(true);
    let at = position;
    for (const part of parts) {
      this.#content.write(part, at);
      at += part.length;
    }
  }

  async sync(): Promise<void> {
    this.#check(false);
  }

  async truncate(size: number): Promise<void> {
    this.#check(true);
    this.#content.resize(size);
  }

  async allocate(size: number): Promise<void> {
    this.#check(true);
    if (size > this.#content.size) {
      this.#content.resize(size);
    }
  }

  async size(): Promise<number> {
    this.#check(false);
    return this.#content.size;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #check(writes: boolean): void {
    if (this.#closed) {
      throw new FileSystemError("io", this.#path, new Error("the file is closed"));
    }
    if (writes && !this.#isWritable) {
      throw new FileSystemError("io", this.#path, new Error("opened for reading only"));
    }
  }
}
