/**
 * Deleting topics. The journal entry comes first; once it is durable the topic is gone for good, whatever happens next:
 *
 *  1. In memory the topic is forgotten at once, and everybody who waits for it is answered.
 *  2. The journal gets a `deleteTopic` entry; the deletion is answered when that is durable.
 *  3. Each folder is renamed to `….<unique>-delete`, so that a new topic may take the name; a checkpoint waits for that.
 *  4. After `fileDeleteDelayMs` the folder is removed. Folders of that name found at start-up are removed then.
 *
 * Killed between 2 and 3, the next start finds the entry in the journal and renames the folders before anything else.
 */
import type { Cancel } from "@ottla/platform";
import type { EngineState } from "./engine-state.ts";
import { encodeDeleteTopicEntry } from "./journal-format.ts";
import type { PartitionFiles } from "./partition-files.ts";
import type { PartitionLog, Topic } from "./partition-log.ts";
import type { SegmentReader } from "./segment-reader.ts";
import type { SegmentWriter } from "./segment-writer.ts";

const DELETED = /-delete$/;

export class TopicRemover {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #writer: SegmentWriter;
  readonly #reader: SegmentReader;
  readonly #pending = new Set<Cancel>();

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

  async delete(topic: Topic): Promise<void> {
    const state = this.#state;
    for (const partition of state.recovered.partitionsOf(topic.id)) state.makeLog(topic, partition);
    state.topics.delete(topic.id);
    state.recoveredTopics.delete(topic.id);
    state.recovered.remove(topic.id);
    topic.isDeleted = true;
    const logs: PartitionLog[] = [];
    for (const log of topic.logs) {
      if (log === undefined) continue;
      log.isDeleted = true;
      state.dirtyLogs.delete(log);
      state.waiters.changed(log);
      state.tail.forget(log.tail.clear());
      logs.push(log);
    }
    if (!topic.isAnnounced && logs.every(({ hasDirectory }) => !hasDirectory)) return;
    await state.roomForEntry();
    state.journal.addEntry(encodeDeleteTopicEntry(topic.id));
    await state.whenDurable();
    // The folders leave their names behind the answer; nobody can tell, as a new topic of the name waits for it.
    void this.setAside(topic).catch((error: Error) => state.probe.storageFailed(error));
  }

  /** Renames the folders of a deleted topic and has them removed later. */
  async setAside(topic: Topic): Promise<void> {
    const renamed: Promise<void>[] = [];
    for (const log of topic.logs) {
      if (log !== undefined) renamed.push(this.#files.track(this.#setAsideLog(log)));
    }
    await Promise.all(renamed);
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
  }

  async #setAsideLog(log: PartitionLog): Promise<void> {
    const { random, clock, options, probe } = this.#state;
    await this.#writer.forget(log);
    for (const segment of log.segments) await this.#reader.forgetSegment(log, segment);
    const unique = random.bytes(16).toString("hex");
    const path = await this.#files.setAside(log, unique);
    if (path === null) return;
    const cancel = clock.schedule(log.topic.config.fileDeleteDelayMs ?? 0, () => {
      this.#pending.delete(cancel);
      options.fileSystem.remove(path).catch((error: Error) => probe.storageFailed(error));
    });
    this.#pending.add(cancel);
  }
}
