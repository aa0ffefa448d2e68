/**
 * Deleting topics. Until its journal entry is durable a topic is deleted for those who use it, but not for what a crash must find:
 *
 *  1. Nobody finds the topic any more, and everybody who waits for it is answered. Its partitions live on: they are written to their
 *     segments and described by checkpoints as before. A new topic of the name has no partitions yet.
 *  2. The journal gets a `deleteTopic` entry. In the step in which that is durable the partitions are dropped from memory; then the deletion is answered.
 *  3. Each folder is renamed to `….<unique>-delete`, so that a new topic may take the name; a checkpoint waits for that. With relaxed acks
 *     the journal is flushed before: without the entry nobody would look for the folder under its new name.
 *  4. After `fileDeleteDelayMs` the folder is removed. Folders of that name found at start-up are removed then.
 *
 * When the journal fails, so does the deletion, but there is no way back: the entry is written again until it is durable, or by whoever asks for the
 * deletion again. Killed before that, the next start finds the topic whole and its caller finds nobody who opens it
 * ({@link LogEngine.removeUnknownTopics}). Killed between 2 and 3, it finds the entry and renames the folders before anything else.
 *
 * Why partitions live on: a checkpoint frees the journal before its cut. Without the topic in it, and without a durable entry behind the cut, batches
 * behind the cut would be found whose predecessors nobody has.
 */
import type { Cancel } from "@ottla/platform";
import type { EngineState } from "./engine-state.ts";
import { encodeDeleteTopicEntry } from "./journal-format.ts";
import type { PartitionFiles } from "./partition-files.ts";
import type { PartitionLog, Topic } from "./partition-log.ts";
import type { SegmentReader } from "./segment-reader.ts";
import type { SegmentWriter } from "./segment-writer.ts";

const DELETED = /-delete$/;
/** Shortest time between attempts at writing entries that failed. */
const RETRY_MS = 100;

export class TopicRemover {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #writer: SegmentWriter;
  readonly #reader: SegmentReader;
  readonly #pending = new Set<Cancel>();
  #retry: Cancel | null = null;

  constructor(
    state: EngineState,
    files: PartitionFiles,
    writer: SegmentWriter,
    reader: SegmentReader,
  ) {
    this.#state = state;
    this.#files = files;
    this.#writer = writer;
    this.#reader = reader;
  }

  /**
   * Deletes topics, open or only known from the last run. Resolves when that is durable.
   * @throws {JournalFailed} when it is not yet; nobody can use them any more all the same
   */
  async delete(topicIds: readonly string[]): Promise<void> {
    const { topics, recoveredTopics, deletedTopics } = this.#state;
    const ids = new Set(topicIds);
    for (const id of ids) {
      const topic = topics.get(id) ?? recoveredTopics.get(id);
      if (topic !== undefined) this.#withdraw(topic);
    }
    for (const topic of [...deletedTopics]) if (ids.has(topic.id)) await this.#journal(topic);
  }

  /** From here on nobody finds the topic. */
  #withdraw(topic: Topic): void {
    const state = this.#state;
    for (const partition of state.recovered.partitionsOf(topic.id)) state.makeLog(topic, partition);
    state.recovered.remove(topic.id);
    state.topics.delete(topic.id);
    state.recoveredTopics.delete(topic.id);
    topic.isDeleted = true;
    for (const log of topic.logs) if (log !== undefined) state.waiters.changed(log);
    if (isKnownToDisk(topic)) state.deletedTopics.add(topic);
    else this.#drop(topic);
  }

  async #journal(topic: Topic): Promise<void> {
    const { journal, deletedTopics } = this.#state;
    try {
      while (!this.#state.hasRoomForEntry) await this.#state.whenDurable();
      if (!deletedTopics.has(topic)) return;
      journal.addEntry(encodeDeleteTopicEntry(topic.id), () => this.#finish(topic));
      await this.#state.whenDurable();
    } catch (error) {
      this.#retryLater();
      throw error;
    }
  }

  #retryLater(): void {
    const { clock, options, isClosed, deletedTopics } = this.#state;
    if (this.#retry !== null || isClosed) return;
    this.#retry = clock.schedule(Math.max(RETRY_MS, options.retryDelayMs), () => {
      this.#retry = null;
      // The journal has told the probe of its failure, and another one comes back here.
      for (const topic of deletedTopics) this.#journal(topic).catch(() => {});
    });
  }

  /** The entry is durable. */
  #finish(topic: Topic): void {
    if (!this.#state.deletedTopics.delete(topic)) return;
    this.#drop(topic);
    // The folders leave their names behind the answer; nobody can tell, as a new topic of the name waits for it.
    const { journal, probe } = this.#state;
    void this.setAside(topic, () => journal.flush()).catch((error) => probe.storageFailed(error));
  }

  #drop(topic: Topic): void {
    const { dirtyLogs, tail } = this.#state;
    for (const log of topic.logs) {
      if (log === undefined) continue;
      log.isDeleted = true;
      dirtyLogs.delete(log);
      tail.forget(log.tail.clear());
    }
    tail.sweep();
  }

  /** Renames the folders of a deleted topic, once `flush` has put the journal on stable storage, and has them removed later. */
  async setAside(topic: Topic, flush: () => Promise<void>): Promise<void> {
    const flushed = flush();
    const renamed: Promise<void>[] = [];
    for (const log of topic.logs) {
      if (log !== undefined) renamed.push(this.#files.track(this.#setAsideLog(log, flushed)));
    }
    await Promise.all([flushed, ...renamed]);
  }

  /** Removes what earlier deletions left. */
  async removeLeftovers(): Promise<void> {
    const { fileSystem, directory } = this.#state.options;
    for (const entry of await fileSystem.list(directory)) {
      if (entry.isDirectory && DELETED.test(entry.name)) {
        await fileSystem.remove(`${directory}/${entry.name}`);
      }
    }
  }

  close(): void {
    for (const cancel of this.#pending) cancel();
    this.#pending.clear();
    this.#retry?.();
  }

  async #setAsideLog(log: PartitionLog, flushed: Promise<void>): Promise<void> {
    const { random, clock, options, probe } = this.#state;
    const unique = random.bytes(16).toString("hex");
    const path = await this.#files.setAside(log, unique, async () => {
      await flushed;
      await this.#closeFiles(log);
    });
    if (path === null) return;
    const cancel = clock.schedule(log.topic.config.fileDeleteDelayMs ?? 0, () => {
      this.#pending.delete(cancel);
      options.fileSystem.remove(path).catch((error: Error) => probe.storageFailed(error));
    });
    this.#pending.add(cancel);
  }

  async #closeFiles(log: PartitionLog): Promise<void> {
    while (log.writing !== null) await log.writing.catch(() => {});
    await this.#writer.forget(log);
    for (const segment of log.segments) await this.#reader.forgetSegment(log, segment);
  }
}

/** Whether journal, checkpoint or a folder may know it. After a failure of the journal a topic that it knows counts as not announced. */
function isKnownToDisk(topic: Topic): boolean {
  if (topic.isAnnounced) return true;
  return topic.logs.some((log) => log !== undefined && (log.hasDirectory || log.logEnd > 0));
}
