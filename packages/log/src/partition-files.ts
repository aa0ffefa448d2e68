/**
 * Names and folders of partitions on disk, as Kafka has them: `<topic>-<partition>/` with `%020d.log`, `.index`, `.timeindex`, `.txnindex`, `.snapshot`,
 * `leader-epoch-checkpoint` and `partition.metadata`. Folders are made when the first segment is written, not when a topic is created.
 */
import { type FileSystem, FileSystemError } from "@ottla/platform";
import type { PartitionLog } from "./partition-log.ts";
import { segmentName } from "./segment.ts";

export class PartitionFiles {
  readonly #fileSystem: FileSystem;
  readonly #root: string;
  /** Whether there is a topic of that id whose deletion is not durable. */
  readonly #isThere: (topicId: string) => boolean;
  /** Folders with names that a flush of the folder has not made durable yet. */
  readonly #unsynced = new Set<string>();
  /** Folders that are being made or renamed. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #removing = new Set<Promise<void>>();

  constructor(fileSystem: FileSystem, root: string, isThere: (topicId: string) => boolean) {
    this.#fileSystem = fileSystem;
    this.#root = root;
    this.#isThere = isThere;
  }

  directory(log: PartitionLog): string {
    return `${this.#root}/${log.topic.name}-${log.partition}`;
  }

  segmentPath(log: PartitionLog, baseOffset: number, ending: string): string {
    return `${this.directory(log)}/${segmentName(baseOffset)}.${ending}`;
  }

  /**
   * Makes the partition's folder, once.
   * @throws when the folder of that name belongs to a topic that is not deleted: replay then is at an earlier topic, which will be
   */
  async ensureDirectory(log: PartitionLog): Promise<void> {
    if (log.hasDirectory || log.isDeleted) return;
    const path = this.directory(log);
    await this.#alone(path, async () => {
      if (log.hasDirectory || log.isDeleted) return;
      // A folder of an earlier topic of the same name must not be mistaken for this one's.
      const owner = await this.#ownerOf(log);
      if (owner !== null && owner !== log.topic.id) {
        if (this.#isThere(owner)) throw new Error(`${path} belongs to another topic, ${owner}`);
        await this.#rename(log, `stray${log.topic.ref}`);
      }
      await this.#fileSystem.makeDirectory(path);
      const text = `version: 0\ntopic_id: ${log.topic.id}\n`;
      await this.#writePlain(`${path}/partition.metadata`, Buffer.from(text));
      this.noteNewName(path);
      this.noteNewName(this.#root);
      log.hasDirectory = true;
    });
  }

  /** A removal that a checkpoint has to wait for. */
  async track(removal: Promise<void>): Promise<void> {
    this.#removing.add(removal);
    try {
      await removal;
    } finally {
      this.#removing.delete(removal);
    }
  }

  /** Resolves once folders that were to leave their names have done so. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#busy.values(), ...this.#removing]);
  }

  /** A file was made in this folder; {@link syncDirectories} follows. */
  noteNewName(directory: string): void {
    this.#unsynced.add(directory);
  }

  /** Makes all new names durable. */
  async syncDirectories(): Promise<void> {
    const directories = [...this.#unsynced];
    let next = 0;
    const work = async () => {
      while (next < directories.length) {
        const directory = directories[next++]!;
        this.#unsynced.delete(directory);
        try {
          await this.#fileSystem.syncDirectory(directory);
        } catch (error) {
          // A deletion has renamed it: its names matter no more.
          if (isNotFound(error)) continue;
          this.#unsynced.add(directory);
          throw error;
        }
      }
    };
    const outcomes = await Promise.allSettled([work(), work()]);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  async writeLeaderEpochs(log: PartitionLog): Promise<void> {
    await this.#writeSmall(log, "leader-epoch-checkpoint", Buffer.from(log.epochs.format()));
  }

  async writeSnapshot(log: PartitionLog, offset: number, bytes: Buffer): Promise<void> {
    await this.#writeSmall(log, `${segmentName(offset)}.snapshot`, bytes);
  }

  /** Removes the files of a segment; what is not there is fine. */
  async removeSegment(log: PartitionLog, baseOffset: number): Promise<void> {
    for (const ending of ["log", "index", "timeindex", "txnindex", "snapshot"]) {
      await this.#fileSystem.remove(this.segmentPath(log, baseOffset, ending));
    }
  }

  /**
   * Gives the folder of a deleted partition a name that ends in `-delete`, so that a new partition may take its own.
   * Before and after that `closeFiles` closes what is open in it: the new partition, which waits for all this, must not be handed such a file.
   * @returns the new path, or null when there was no folder, or one that belongs to another topic by now.
   */
  setAside(
    log: PartitionLog,
    unique: string,
    closeFiles: () => Promise<void>,
  ): Promise<string | null> {
    return this.#alone(this.directory(log), async () => {
      await closeFiles();
      const owner = await this.#ownerOf(log);
      if (owner !== null && owner !== log.topic.id) return null;
      const renamed = await this.#rename(log, unique);
      await closeFiles();
      return renamed;
    });
  }

  async #rename(log: PartitionLog, unique: string): Promise<string | null> {
    const from = this.directory(log);
    const to = `${from.slice(0, this.#root.length + 200)}.${unique}-delete`;
    try {
      await this.#fileSystem.rename(from, to);
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
    await this.#fileSystem.syncDirectory(this.#root);
    this.#unsynced.delete(from);
    return to;
  }

  /** The id of the topic whose folder has the name of this partition's, as far as the folder says. */
  async #ownerOf(log: PartitionLog): Promise<string | null> {
    const metadata = await this.#fileSystem.readFile(`${this.directory(log)}/partition.metadata`);
    return /^topic_id: (\S{22})$/m.exec(metadata?.toString() ?? "")?.[1] ?? null;
  }

  /** What makes a folder and what renames it happens one after the other, in the order of the calls. */
  async #alone<T>(path: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#busy.get(path) ?? Promise.resolve()).then(task);
    const settled = result.then(
      () => {},
      () => {},
    );
    this.#busy.set(path, settled);
    try {
      return await result;
    } finally {
      if (this.#busy.get(path) === settled) this.#busy.delete(path);
    }
  }

  async #writeSmall(log: PartitionLog, name: string, bytes: Buffer): Promise<void> {
    await this.ensureDirectory(log);
    await this.#writePlain(`${this.directory(log)}/${name}`, bytes);
  }

  /** Without a flush: the engine's own checkpoint says all that these files say, and is what a start believes. */
  async #writePlain(path: string, bytes: Buffer): Promise<void> {
    const file = await this.#fileSystem.open(path, { access: "write", create: true });
    try {
      await file.write([bytes], 0);
      await file.truncate(bytes.length);
    } finally {
      await file.close();
    }
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof FileSystemError && error.code === "not-found";
}
