/**
 * What makes logs shorter: retention by time and by size (LG12), DeleteRecords (LG14), and the expiry of producers (IP7).
 *
 * The log start moves first, in memory and in the journal; when that entry is durable {@link PartitionLog.durableStart} follows, and the files of
 * segments wholly below it are removed. Readers know nothing of them from then on, but checkpoints describe them until their files are gone, so that
 * after a crash in between, or when the disk refuses, they are removed by a later round.
 *
 * When the entry fails, the log start stays where it is in memory, so that no offset comes back that a reader was refused, and the next round
 * writes the entry again. Until then the files stay: a crash brings the log start of before back, and with it all that was readable.
 */
import type { DeleteRecordsRequest, DeleteRecordsResult } from "./engine.ts";
import type { EngineState } from "./engine-state.ts";
import { encodeLogStartEntry, encodeTopicEntry } from "./journal-format.ts";
import type { PartitionFiles } from "./partition-files.ts";
import type { PartitionLog, Topic } from "./partition-log.ts";
import type { Segment } from "./segment.ts";
import type { SegmentReader } from "./segment-reader.ts";
import { drawJitter, rollSegment } from "./segment-roll.ts";
import type { SegmentWriter } from "./segment-writer.ts";

export class Retention {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #writer: SegmentWriter;
  readonly #reader: SegmentReader;

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

  /** One round over all partitions. @throws {JournalFailed} */
  async maintain(): Promise<void> {
    const { clock, options } = this.#state;
    const shortened: PartitionLog[] = [];
    for (const log of this.#logsToLookAt()) {
      const expired = log.producers?.expire(clock.now() - options.producerExpirationMs) ?? 0;
      if (expired > 0) this.#state.markDirty(log);
      if (retainedStart(log, clock.now()) > log.durableStart) {
        while (!this.#state.hasRoomForEntry) await this.#state.whenDurable();
        // Others may have moved the log start meanwhile.
        const start = retainedStart(log, clock.now());
        if (start <= log.durableStart || log.topic.isDeleted) continue;
        if (start === log.logEnd && log.active.sizeBytes > 0) this.#roll(log);
        this.#moveStart(log, start);
        shortened.push(log);
      } else if (log.hasRemovable) shortened.push(log);
    }
    if (shortened.length === 0) return;
    await this.#state.whenDurable();
    for (const log of shortened) await this.removeSegments(log);
  }

  /** Whether time alone, without an append, gives a later round something to do. */
  waitsForTime(topics: Iterable<Topic>): boolean {
    const { recovered } = this.#state;
    for (const topic of topics) {
      for (const log of topic.logs) {
        if (log === undefined) continue;
        if (isRemovableLater(log) || (log.producers?.size ?? 0) > 0) return true;
      }
      // Their producers expire when somebody uses them.
      for (const partition of recovered.partitionsOf(topic.id)) {
        const seen = recovered.peek(topic, partition);
        if (seen !== null && isRemovableLater(seen)) return true;
      }
    }
    return false;
  }

  async deleteRecords(
    requests: readonly DeleteRecordsRequest[],
  ): Promise<readonly DeleteRecordsResult[]> {
    const moved: PartitionLog[] = [];
    const results: DeleteRecordsResult[] = [];
    try {
      for (const request of requests) {
        while (!this.#state.hasRoomForEntry) await this.#state.whenDurable();
        results.push(this.#deleteBelow(request, moved));
      }
      if (moved.length === 0) return results;
      await this.#state.whenDurable();
    } catch {
      return requests.map((_, i) => ({ error: results[i]?.error ?? "storage", lowWatermark: -1 }));
    }
    for (const log of moved) await this.removeSegments(log);
    return results;
  }

  #deleteBelow(request: DeleteRecordsRequest, moved: PartitionLog[]): DeleteRecordsResult {
    const topic = this.#state.findTopic(request.topicId);
    if (topic === null) return { error: "unknownTopic", lowWatermark: -1 };
    const log = this.#state.findLog(topic, request.partition);
    if (log === null) return { error: "unknownPartition", lowWatermark: -1 };
    if (!topic.config.cleanupPolicy.delete) return { error: "policyViolation", lowWatermark: -1 };
    const before = request.beforeOffset === -1 ? log.highWatermark : request.beforeOffset;
    if (before < 0 || before > log.highWatermark) {
      return { error: "offsetOutOfRange", lowWatermark: -1 };
    }
    // Also when the log start is there already, but not durable.
    if (before > log.durableStart) {
      this.#moveStart(log, before);
      moved.push(log);
    }
    return { error: null, lowWatermark: log.logStart };
  }

  /** All partitions in use, and of the others those that retention would shorten. */
  *#logsToLookAt(): Iterable<PartitionLog> {
    const { recovered, topics, clock } = this.#state;
    for (const topic of [...topics.values()]) {
      for (const partition of recovered.partitionsOf(topic.id)) {
        const seen = recovered.peek(topic, partition);
        if (seen === null) continue;
        if (seen.hasRemovable || retainedStart(seen, clock.now()) > seen.logStart) {
          this.#state.findLog(topic, partition);
        }
      }
      for (const log of topic.logs) if (log !== undefined) yield log;
    }
  }

  #roll(log: PartitionLog): void {
    const { segmentMs, segmentJitterMs } = log.topic.config;
    const jitterMs = drawJitter(this.#state.random, segmentMs, segmentJitterMs);
    rollSegment(log, this.#state.clock.now(), jitterMs);
  }

  /** Removes the files of segments below the durable log start. Never rejects: what cannot be removed is reported, and tried again by the next round. */
  async removeSegments(log: PartitionLog): Promise<void> {
    removeSegmentsBelow(log);
    for (const segment of [...log.removing]) {
      // The rest is for the next start.
      if (this.#state.isClosed) return;
      await this.removeSegment(log, segment);
    }
  }

  /** Removes the files of a segment that is off its partition, as {@link removeSegments} does. */
  async removeSegment(log: PartitionLog, segment: Segment): Promise<void> {
    try {
      await this.#writer.exclusively(log, () => this.#removeFiles(log, segment));
    } catch (error) {
      this.#state.probe.storageFailed(error as Error);
    }
  }

  async #removeFiles(log: PartitionLog, segment: Segment): Promise<void> {
    // Another round may have been faster.
    if (!log.removing.includes(segment)) return;
    await this.#state.journal.flush();
    await this.#writer.forgetSegment(log, segment);
    await this.#reader.forgetSegment(log, segment);
    // The name may be that of another topic's segment by now.
    if (log.isDeleted) return;
    await this.#files.removeSegment(log, segment.baseOffset);
    // The checkpoint that does not describe it any more flushes the folder first.
    this.#files.noteNewName(this.#files.directory(log));
    log.removing.splice(log.removing.indexOf(segment), 1);
    this.#state.markDirty(log);
  }

  /** Never back: readers were refused what lies below. */
  #moveStart(log: PartitionLog, to: number): void {
    const { journal } = this.#state;
    const { topic } = log;
    const start = Math.max(to, log.logStart);
    log.logStart = start;
    log.epochs.removeBelow(start);
    if (!topic.isAnnounced) {
      journal.addEntry(encodeTopicEntry(topic.ref, topic.id, topic.name));
      topic.isAnnounced = true;
    }
    journal.addEntry(encodeLogStartEntry(topic.ref, log.partition, start), () => {
      log.durableStart = Math.max(log.durableStart, start);
    });
    this.#state.markDirty(log);
  }
}

/** Where the log would start after retention by time and size (LG12). */
function retainedStart(log: PartitionLog, now: number): number {
  const { config } = log.topic;
  const { segments } = log;
  if (!config.cleanupPolicy.delete || log.isDeleted) return log.logStart;
  let start = log.logStart;
  let excess = config.retentionBytes < 0 ? -1 : log.sizeBytes - config.retentionBytes;
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]!;
    // Compaction may leave an empty segment among others; the active one is empty until the first append.
    if (segment.sizeBytes === 0 && i === segments.length - 1) break;
    const newest = segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.createdMs;
    const isOld = config.retentionMs >= 0 && now - newest > config.retentionMs;
    const isExcess = config.retentionBytes >= 0 && excess - segment.sizeBytes >= 0;
    const end = segments[i + 1]?.baseOffset ?? log.logEnd;
    if ((!isOld && !isExcess) || end > log.highWatermark) break;
    if (isExcess) excess -= segment.sizeBytes;
    start = Math.max(start, end);
  }
  return start;
}

/** Whether the log would be shorter at the end of time, or files of it are still to be removed. */
function isRemovableLater(log: PartitionLog): boolean {
  return log.hasRemovable || retainedStart(log, Infinity) > log.durableStart;
}

/** Takes segments that lie wholly below the durable log start off the partition. */
export function removeSegmentsBelow(log: PartitionLog): Segment[] {
  return log.takeRemovable();
}
