/**
 * A disk for fault tests. It forgets, tears and fails, all drawn from one seed; file contents follow {@link SimulatedFile}.
 *
 * Names: a new, renamed or removed name is a change of its folder, certain after `syncDirectory` of that folder and kept or lost at random by a crash before that. A
 * rename is one change of both folders: never half done. A folder that is lost takes with it all below.
 *
 * Crashes: {@link SimulatedFileSystem.crash} stops this disk for good (every later call fails) and returns the disk that the next process
 * finds. {@link SimulatedFileSystem.crashAt} stops it in the middle of a chosen operation, which then has happened, not happened, or in part.
 *
 * A change whose promise resolved is certain if it was synchronous or flushed since; a call that failed may have happened in part.
 */
import path from "node:path";
import type { Cancel } from "./clock.ts";
import {
  type DirectoryEntry,
  type DirectoryLock,
  type FileHandle,
  type FileSystem,
  FileSystemError,
  type OpenOptions,
} from "./file-system.ts";
import { partsOf } from "./path-parts.ts";
import type { Random } from "./random.ts";
import { type ChangingOperation, type Fault, Faults } from "./simulated-faults.ts";
import { SimulatedFile } from "./simulated-file.ts";
import { type SimulatedDisk, SimulatedFileHandle } from "./simulated-file-handle.ts";
import { writeFileAtomic } from "./write-file-atomic.ts";

export interface SimulatedFileSystemOptions {
  readonly random: Random;
  /** Bytes of all files together; see {@link SimulatedFileSystem.capacityBytes}. */
  readonly capacityBytes?: number;
  /** How long each changing call takes between its effect and its promise; one promise job unless told. */
  readonly delay?: () => Promise<void>;
}

type Node = SimulatedFile | Folder;

/** A folder: names as seen, and names that are certain to survive. */
class Folder {
  readonly live = new Map<string, Node>();
  readonly durable = new Map<string, Node>();
  isLocked = false;
}

/** Names that change together. `node` null removes the name. */
interface NameChange {
  readonly names: readonly {
    readonly folder: Folder;
    readonly name: string;
    readonly node: Node | null;
  }[];
  isDurable: boolean;
}

export class SimulatedFileSystem implements FileSystem {
  /** Writes beyond this many bytes in all files fail with `no-space`; may be changed at any time. */
  capacityBytes: number;
  readonly #random: Random;
  readonly #delay: () => Promise<void>;
  readonly #root = new Folder();
  #nameChanges: NameChange[] = [];
  readonly #faults = new Faults();
  #usedBytes = 0;
  #operations = 0;
  #crashAt = Number.POSITIVE_INFINITY;
  #onCrash: () => void = () => {};
  #isCrashed = false;

  constructor(options: SimulatedFileSystemOptions) {
    this.#random = options.random;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#delay = options.delay ?? (() => Promise.resolve());
  }

  /** Changing operations so far, failed ones included. */
  get operations(): number {
    return this.#operations;
  }

  get isCrashed(): boolean {
    return this.#isCrashed;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Makes calls fail; returns how to take the fault back. */
  inject(fault: Fault): Cancel {
    return this.#faults.inject(fault);
  }

  /** Stops the disk in the middle of the operation that is the `fromNow`th from now, from 1, and calls `onCrash` at once. */
  crashAt(fromNow: number, onCrash: () => void = () => {}): void {
    this.#crashAt = this.#operations + fromNow;
    this.#onCrash = onCrash;
  }

  /** Stops this disk, unless it is stopped already, and draws what the next process finds: another outcome with each call. */
  crash(): SimulatedFileSystem {
    this.#isCrashed = true;
    const names = new Map<Folder, Map<string, Node>>();
    const namesOf = (folder: Folder) => {
      const known = names.get(folder) ?? new Map(folder.durable);
      names.set(folder, known);
      return known;
    };
    for (const change of this.#nameChanges) {
      if (change.isDurable || this.#random.integer(2) === 0) {
        for (const { folder, name, node } of change.names) {
          setName(namesOf(folder), name, node);
        }
      }
    }
    const next = new SimulatedFileSystem({
      random: this.#random,
      capacityBytes: this.capacityBytes,
      delay: this.#delay,
    });
    const copy = (from: Folder, to: Folder) => {
      for (const [name, node] of namesOf(from)) {
        const survivor =
          node instanceof Folder ? new Folder() : new SimulatedFile(node.afterCrash(this.#random));
        to.live.set(name, survivor);
        to.durable.set(name, survivor);
        if (node instanceof Folder) {
          copy(node, survivor as Folder);
        } else {
          next.#usedBytes += (survivor as SimulatedFile).size;
        }
      }
    };
    copy(this.#root, next.#root);
    return next;
  }

  async open(file: string, options: OpenOptions): Promise<FileHandle> {
    this.#fail("open", file);
    const { parent, name } = this.#parentOf(file);
    let node = parent.live.get(name);
    if (node === undefined) {
      if (!options.create) {
        throw new FileSystemError("not-found", file);
      }
      const created = new SimulatedFile();
      await this.#change("create", file, () => {
        this.#rename([{ folder: parent, name, node: created }]);
      });
      node = created;
    }
    if (node instanceof Folder) {
      throw new FileSystemError("io", file, new Error("it is a folder"));
    }
    return new SimulatedFileHandle(this.#disk, file, node, options);
  }

  async readFile(file: string): Promise<Buffer | null> {
    this.#fail("read", file);
    const node = this.#find(file);
    if (!(node instanceof SimulatedFile)) {
      return null;
    }
    const bytes = Buffer.alloc(node.size);
    node.read(bytes, 0);
    return bytes;
  }

  async writeFileAtomic(file: string, bytes: Uint8Array): Promise<void> {
    await writeFileAtomic(this, file, bytes);
  }

  async list(folder: string): Promise<readonly DirectoryEntry[]> {
    this.#fail("list", folder);
    const node = this.#find(folder);
    if (!(node instanceof Folder)) {
      return [];
    }
    return [...node.live].map(([name, child]) => ({ name, isDirectory: child instanceof Folder }));
  }

  async makeDirectory(folder: string): Promise<void> {
    if (this.#find(folder) instanceof Folder) {
      return;
    }
    await this.#change("makeDirectory", folder, () => {
      let at = this.#root;
      for (const name of partsOf(folder)) {
        let next = at.live.get(name);
        if (next === undefined) {
          next = new Folder();
          this.#rename([{ folder: at, name, node: next }]);
        }
        if (!(next instanceof Folder)) {
          throw new FileSystemError("exists", folder);
        }
        at = next;
      }
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#change("rename", from, () => {
      const source = this.#parentOf(from);
      const target = this.#parentOf(to);
      const node = source.parent.live.get(source.name);
      if (node === undefined) {
        throw new FileSystemError("not-found", from);
      }
      const replaced = target.parent.live.get(target.name);
      if (replaced === node) {
        return;
      }
      if (replaced instanceof Folder && replaced.live.size > 0) {
        throw new FileSystemError("exists", to);
      }
      this.#rename([
        { folder: source.parent, name: source.name, node: null },
        { folder: target.parent, name: target.name, node },
      ]);
      this.#unlink(replaced);
    });
  }

  async remove(target: string): Promise<void> {
    const node = this.#find(target);
    if (node !== null) {
      await this.#change("remove", target, () => {
        const { parent, name } = this.#parentOf(target);
        this.#removeTree(parent, name, node);
      });
    }
  }

  async syncDirectory(folder: string): Promise<void> {
    const node = this.#folder(folder);
    const pending = this.#nameChanges.filter((change) =>
      change.names.some((name) => name.folder === node),
    );
    const flushed = () => {
      for (const change of pending) {
        change.isDurable = true;
      }
      this.#foldNames();
    };
    await this.#change("syncDirectory", folder, () => {}, flushed);
  }

  async lockDirectory(folder: string): Promise<DirectoryLock> {
    const node = this.#folder(folder);
    if (node.isLocked) {
      throw new FileSystemError("locked", folder);
    }
    node.isLocked = true;
    let isHeld = true;
    return {
      release: async () => {
        if (isHeld) {
          isHeld = false;
          node.isLocked = false;
        }
      },
    };
  }

  async capacity(): Promise<{ totalBytes: number; usableBytes: number }> {
    const totalBytes = Math.min(this.capacityBytes, 2 ** 50);
    return { totalBytes, usableBytes: Math.max(0, totalBytes - this.#usedBytes) };
  }

  /** What the handles need of the disk. */
  readonly #disk: SimulatedDisk = {
    random: () => this.#random,
    fail: (operation, file) => this.#fail(operation, file),
    change: (operation, file, apply, finish, onFault) =>
      this.#change(operation, file, apply, finish, onFault),
    room: () => Math.max(0, this.capacityBytes - this.#usedBytes),
    resized: (file, byBytes) => {
      this.#usedBytes += file.isLinked ? byBytes : 0;
    },
  };

  /**
   * One changing operation: fails as told, takes its effect, crashes as told, and resolves some time later. `finish` runs in the same step in which
   * the call turns out to succeed; `onFault` takes the effect that a failed call has all the same.
   */
  async #change<T>(
    operation: ChangingOperation,
    file: string,
    apply: () => T,
    finish: (result: T) => void = () => {},
    onFault: () => void = () => {},
  ): Promise<void> {
    this.#checkAlive(file);
    this.#operations += 1;
    const code = this.#faults.next(operation, file);
    if (code !== null) {
      onFault();
    }
    const result = code === null ? apply() : undefined;
    if (this.#operations >= this.#crashAt) {
      this.#isCrashed = true;
      this.#onCrash();
      this.#checkAlive(file);
    }
    await this.#delay();
    this.#checkAlive(file);
    if (code !== null) {
      throw new FileSystemError(code, file, new Error(`injected into ${operation}`));
    }
    finish(result as T);
  }

  #fail(operation: Fault["operation"], file: string): void {
    this.#checkAlive(file);
    const code = this.#faults.next(operation, file);
    if (code !== null) {
      throw new FileSystemError(code, file, new Error(`injected into ${operation}`));
    }
  }

  #checkAlive(file: string): void {
    if (this.#isCrashed) {
      throw new FileSystemError("io", file, new Error("the simulated machine has crashed"));
    }
  }

  #rename(names: NameChange["names"]): void {
    for (const { folder, name, node } of names) {
      setName(folder.live, name, node);
    }
    this.#nameChanges.push({ names, isDurable: false });
  }

  /** Children first, each a change of its own, as the operating system is asked to do it. */
  #removeTree(parent: Folder, name: string, node: Node): void {
    if (node instanceof Folder) {
      for (const [childName, child] of [...node.live]) {
        this.#removeTree(node, childName, child);
      }
    }
    this.#rename([{ folder: parent, name, node: null }]);
    this.#unlink(node);
  }

  #unlink(node: Node | undefined): void {
    if (node instanceof SimulatedFile) {
      node.isLinked = false;
      this.#usedBytes -= node.size;
    }
  }

  #foldNames(): void {
    let count = 0;
    while (this.#nameChanges[count]?.isDurable) {
      for (const { folder, name, node } of this.#nameChanges[count]!.names) {
        setName(folder.durable, name, node);
      }
      count += 1;
    }
    this.#nameChanges.splice(0, count);
  }

  #find(target: string): Node | null {
    this.#checkAlive(target);
    let node: Node = this.#root;
    for (const name of partsOf(target)) {
      const next: Node | undefined = node instanceof Folder ? node.live.get(name) : undefined;
      if (next === undefined) {
        return null;
      }
      node = next;
    }
    return node;
  }

  #folder(folder: string): Folder {
    const node = this.#find(folder);
    if (!(node instanceof Folder)) {
      throw new FileSystemError("not-found", folder);
    }
    return node;
  }

  #parentOf(target: string): { parent: Folder; name: string } {
    const parent = this.#find(path.posix.dirname(target));
    if (!(parent instanceof Folder)) {
      throw new FileSystemError("not-found", target);
    }
    return { parent, name: path.posix.basename(target) };
  }
}

function setName(names: Map<string, Node>, name: string, node: Node | null): void {
  if (node === null) {
    names.delete(name);
  } else {
    names.set(name, node);
  }
}
