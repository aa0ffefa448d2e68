/**
 * Names and folders of partitions on disk, as Kafka has them: `<topic>-<partition>/` with `%020d.log`, `.index`, `.timeindex`, `.snapshot`,
 * `leader-epoch-checkpoint` and `partition.metadata`. Folders are made when the first segment is written, not when a topic is created.
 */
import type { FileSystem } from "@ottla/platform";
import type { PartitionLog } from "./partition-log.ts";
import { segmentName } from "./segment.ts";

export class PartitionFiles {
  readonly #fileSystem: FileSystem;
  readonly #root: string;
  /** Folders with names that a flush of the folder has not made durable yet. */
  readonly #unsynced = new Set<string>();
  /** Folders of deleted topics on their way to another name; a new one of that name waits. */
  readonly #renaming = new Map<string, Promise<void>>();
  readonly #removing = new Set<Promise<void>>();

  constructor(fileSystem: FileSystem, root: string) {
    this.#fileSystem = fileSystem;
    this.#root = root;
  }

  directory(log: PartitionLog): string {
    return `${this.#root}/${log.topic.name}-${log.partition}`;
  }

  segmentPath(log: PartitionLog, baseOffset: number, ending: string): string {
    return `${this.directory(log)}/${segmentName(baseOffset)}.${ending}`;
  }

  /** Makes the partition's folder, once. */
  async ensureDirectory(log: PartitionLog): Promise<void> {
    if (log.hasDirectory) return;
    const path = this.directory(log);
    await this.#renaming.get(path);
    await this.#setAsideStranger(log, path);
    await this.#fileSystem.makeDirectory(path);
    const text = `version: 0\ntopic_id: ${log.topic.id}\n`;
    await this.#writePlain(`${path}/partition.metadata`, Buffer.from(text));
    this.noteNewName(path);
    this.noteNewName(this.#root);
    log.hasDirectory = true;
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
    await Promise.allSettled([...this.#renaming.values(), ...this.#removing]);
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
    for (const ending of ["log", "index", "timeindex", "snapshot"]) {
      await this.#fileSystem.remove(this.segmentPath(log, baseOffset, ending));
    }
  }

  /**
   * Gives a folder that is no longer wanted a name that ends in `-delete`, so that a new partition may take its own.
   * @returns the new path, or null when there was no folder.
   */
  async setAside(directoryName: string, unique: string): Promise<string | null> {
    const from = `${this.#root}/${directoryName}`;
    const to = `${this.#root}/${directoryName.slice(0, 200)}.${unique}-delete`;
    const renamed = this.#rename(from, to);
    const settled = renamed.then(
      () => {},
      () => {},
    );
    this.#renaming.set(from, settled);
    try {
      return (await renamed) ? to : null;
    } finally {
      if (this.#renaming.get(from) === settled) this.#renaming.delete(from);
    }
  }

  /** A folder of an earlier topic of the same name must not be mistaken for this one's. */
  async #setAsideStranger(log: PartitionLog, path: string): Promise<void> {
    const metadata = await this.#fileSystem.readFile(`${path}/partition.metadata`);
    if (metadata === null || metadata.includes(`topic_id: ${log.topic.id}\n`)) return;
    await this.setAside(`${log.topic.name}-${log.partition}`, `stray${log.topic.ref}`);
  }

  async #rename(from: string, to: string): Promise<boolean> {
    const entries = await this.#fileSystem.list(this.#root);
    const name = from.slice(this.#root.length + 1);
    if (!entries.some((entry) => entry.isDirectory && entry.name === name)) return false;
    await this.#fileSystem.rename(from, to);
    await this.#fileSystem.syncDirectory(this.#root);
    return true;
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
