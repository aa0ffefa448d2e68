/**
 * Compaction (LG13): keeps the last record of each key, in rounds (cleaning-round.ts), one log at a time, the dirtiest first (plan.ts).
 *
 * A run is made `backoffMs` after an append to a compacted log, or when maintenance asks for one, and goes on until nothing is due. What was
 * not used since the start is looked at once then, and by maintenance.
 *
 * A log that cannot be cleaned, because a batch is damaged, is left as it is until the next start, and reported. What the disk or the journal refuses, or there
 * is no memory for just now, is tried again later.
 */
import { FileSystemError } from "@ottla/platform";
import type { AbortedTransactions } from "../aborted-transactions.ts";
import type { Checkpointer } from "../checkpointer.ts";
import type { EngineState } from "../engine-state.ts";
import { JournalFailed } from "../errors.ts";
import { encodeTopicEntry } from "../journal-format.ts";
import type { PartitionFiles } from "../partition-files.ts";
import type { PartitionLog } from "../partition-log.ts";
import { Schedule } from "../schedule.ts";
import { CLEANED } from "./cleaned-segment.ts";
import { cleanableEnd, Interrupted, Rounds } from "./cleaning-round.ts";
import { isOutOfMemory } from "./out-of-memory.ts";
import { type CleaningPlan, planCleaning } from "./plan.ts";
import type { SegmentSwap } from "./segment-swap.ts";

interface Candidate {
  readonly log: PartitionLog;
  readonly plan: CleaningPlan;
}

export class LogCleaner {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #checkpointer: Checkpointer;
  readonly #rounds: Rounds;
  readonly #schedule: Schedule;
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;
  /** Logs whose round failed or could not begin; the next run tries again. */
  readonly #skipped = new Set<PartitionLog>();
  /** Whether the next run looks at partitions too that nobody has used yet. */
  #looksAtAll = true;
  /** Logs that were looked through for files of unfinished rounds. */
  readonly #tidied = new WeakSet<PartitionLog>();

  constructor(
    state: EngineState,
    files: PartitionFiles,
    aborted: AbortedTransactions,
    checkpointer: Checkpointer,
    swap: SegmentSwap,
  ) {
    const { cleaner } = state.options;
    this.#state = state;
    this.#files = files;
    this.#checkpointer = checkpointer;
    this.#rounds = new Rounds(state, files, aborted, swap, this.#closing.signal);
    this.#schedule = new Schedule(
      state.clock,
      () => cleaner.backoffMs,
      () => void this.run(),
    );
  }

  /** Something was appended to a compacted log: a run follows. */
  notice(): void {
    if (this.#state.options.cleaner.isEnabled) this.#schedule.start();
  }

  /** A topic is compacted from now on: a run follows that looks at all its partitions. */
  noticeTopic(): void {
    this.#looksAtAll = true;
    this.notice();
  }

  /** Cleans everything that is due, wherever it is. */
  async runOverAll(): Promise<void> {
    this.#looksAtAll = true;
    await this.run();
  }

  /** Cleans what is due among the partitions in use. Never rejects: the probe hears of failures. */
  async run(): Promise<void> {
    if (!this.#state.options.cleaner.isEnabled) return;
    while (this.#running !== null) await this.#running;
    if (this.#state.isClosed) return;
    this.#running = this.#runAll().finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  /** Ends the round under way as soon as it can. */
  async close(): Promise<void> {
    this.#schedule.stop();
    this.#closing.abort();
    await this.#running;
  }

  async #runAll(): Promise<void> {
    let lookAtAll = this.#looksAtAll;
    this.#looksAtAll = false;
    this.#skipped.clear();
    let comesBack = false;
    while (!this.#state.isClosed) {
      const found = this.#findDirtiest(lookAtAll);
      comesBack = found.comesBack;
      // What is due, or will be, is in use from now on.
      lookAtAll = false;
      if (found.candidate === null) break;
      await this.#clean(found.candidate);
    }
    if (comesBack || this.#skipped.size > 0) this.#schedule.start();
  }

  #findDirtiest(lookAtAll: boolean): { candidate: Candidate | null; comesBack: boolean } {
    let candidate: Candidate | null = null;
    let comesBack = false;
    const now = this.#state.clock.now();
    for (const log of this.#compactedLogs(lookAtAll)) {
      if (log.isDeleted || log.isUncleanable || this.#skipped.has(log)) continue;
      if (log.isMoving) {
        comesBack = true;
        continue;
      }
      const plan = planCleaning(log, log.topic.config, now);
      comesBack ||= plan.waitsForTime;
      if (plan.isDue && plan.dirtyRatio > (candidate?.plan.dirtyRatio ?? -1)) {
        candidate = { log, plan };
      }
    }
    return { candidate, comesBack };
  }

  *#compactedLogs(lookAtAll: boolean): Iterable<PartitionLog> {
    const { recovered, topics, clock } = this.#state;
    for (const topic of [...topics.values()]) {
      if (!topic.config.cleanupPolicy.compact) continue;
      for (const partition of lookAtAll ? recovered.partitionsOf(topic.id) : []) {
        const seen = recovered.peek(topic, partition);
        const plan = seen === null ? null : planCleaning(seen, topic.config, clock.now());
        if (plan?.isDue || plan?.waitsForTime) this.#state.findLog(topic, partition);
      }
      for (const log of topic.logs) if (log !== undefined) yield log;
    }
  }

  async #clean({ log, plan }: Candidate): Promise<void> {
    const { probe } = this.#state;
    const { name } = log.topic;
    try {
      if (!(await this.#prepare(log, plan))) {
        this.#skipped.add(log);
        return;
      }
      await this.#rounds.run(log);
    } catch (error) {
      this.#skipped.add(log);
      this.#tidied.delete(log);
      if (error instanceof Interrupted || log.isDeleted || this.#state.isClosed) return;
      const isStorage = error instanceof FileSystemError || error instanceof JournalFailed;
      if (isStorage || isOutOfMemory(error)) {
        probe.storageFailed(error as Error);
        return;
      }
      log.isUncleanable = true;
      probe.uncleanable?.(name, log.partition, log.sizeBytes, error as Error);
    }
  }

  /** Makes sure that a checkpoint knows the segments as finished, and that nothing of earlier rounds is in the way. */
  async #prepare(log: PartitionLog, plan: CleaningPlan): Promise<boolean> {
    if (cleanableEnd(log, plan) < plan.uncleanable) await this.#checkpointer.tryNow();
    if (log.hasFailedCleaning) {
      // What the failed write may have left in the journal is overwritten; then its files have no meaning.
      while (!this.#state.hasRoomForEntry) await this.#state.whenDurable();
      const { topic } = log;
      this.#state.journal.addEntry(encodeTopicEntry(topic.ref, topic.id, topic.name));
      await this.#state.whenDurable();
      log.hasFailedCleaning = false;
      this.#tidied.delete(log);
    }
    if (!this.#tidied.has(log) && !log.isDeleted) {
      await this.#tidy(log);
      this.#tidied.add(log);
    }
    return cleanableEnd(log, plan) > plan.firstDirty;
  }

  async #tidy(log: PartitionLog): Promise<void> {
    const { fileSystem } = this.#state.options;
    const directory = this.#files.directory(log);
    for (const { name } of await fileSystem.list(directory)) {
      if (CLEANED.test(name)) await fileSystem.remove(`${directory}/${name}`);
    }
  }
}
