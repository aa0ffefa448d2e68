/**
 * Start-up: the checkpoint, then the journal behind it, and nothing else. No partition's folder is looked at.
 *
 * Replay puts every batch back to where it was before the stop: in memory, behind the bytes that the checkpoint says are in its segment. From there
 * the background writes take it to its segment, over whatever the last run left behind those bytes (padding, or a part of the same
 * batches: positions are in the journal, so writing them again changes nothing). When the tail is larger than the memory budget, segments
 * are written on the way.
 *
 *  - A batch below the partition's end is in the checkpoint already: skipped.
 *  - A batch at the end is appended; its segment base says whether a roll came before it.
 *  - A batch behind the end means that bytes are missing: {@link CorruptLog}, unless the topic is deleted further on. A checkpoint leaves out
 *    what was deleted durably while it ran, and its cut may lie before an announcement of the topic and its last batches.
 *  - Entries whose topic is neither announced nor in the checkpoint belong to a topic that was deleted (references are never reused).
 *  - Fragments of a batch without its last one were never acknowledged: dropped.
 *
 * The first group that is missing or torn ends the journal; the engine goes on writing right there. When a whole group with a higher LSN lies
 * behind it, it was durable once and what was acknowledged is damaged: {@link CorruptLog}, rather than a log that has lost its end. (With
 * relaxed acks the system may write groups in any order, so there it is an end.)
 *
 * A checkpoint is there from the first start on. When it is missing beside a journal or partitions that it has to describe, that is
 * {@link CorruptLog} too: references to topics, and where segments end, are known to nobody else.
 *
 * Leader epoch (LG15): a stop was clean when the checkpoint says so and nothing was journalled behind it. Every start journals a `start` entry
 * with its epoch before anything else, so a run that ended uncleanly is always noticed, and the epoch grows by one.
 */
import type { Random } from "@ottla/platform";
import {
  baseSequence,
  crc32c,
  isControl,
  isTransactional,
  lastOffsetDelta,
  maxTimestamp,
  producerEpoch,
  producerId,
} from "@ottla/protocol";
import { CHECKPOINT_FILE, decodeCheckpoint } from "./checkpoint-format.ts";
import { type Replacement, replaceSegments } from "./compaction/segment-swap.ts";
import type { LogConfig } from "./engine.ts";
import type { EngineState } from "./engine-state.ts";
import { CorruptLog } from "./errors.ts";
import type { JournalCut } from "./journal-files.ts";
import { journalFilePath } from "./journal-files.ts";
import type { JournalEntry } from "./journal-format.ts";
import { findGroup, JournalReader, type ReadGroup } from "./journal-reader.ts";
import { type PartitionLog, Topic } from "./partition-log.ts";
import { addSequence, ProducerStates } from "./producer-state.ts";
import { removeSegmentsBelow } from "./retention.ts";
import type { Segment } from "./segment.ts";
import { rollSegment } from "./segment-roll.ts";
import { applyMarker, readMarker } from "./transaction-markers.ts";

export interface Recovered {
  readonly isFresh: boolean;
  readonly wasClean: boolean;
  readonly lastLsn: number;
  /** Where the journal goes on; null when it has no file yet. */
  readonly end: JournalCut | null;
  /** Per journal file, the last LSN in it that the checkpoint does not cover. */
  readonly lastLsns: ReadonlyMap<number, number>;
  readonly replayedBytes: number;
  /** Segments below a log start whose files may still be there. */
  readonly removed: readonly { readonly log: PartitionLog; readonly segment: Segment }[];
  /** Cleaned segments whose files may not have got their names yet, in the order of the journal. */
  readonly replacements: readonly Replacement[];
}

/** What replay has others do on the way. */
export interface RecoveryActions {
  /** Called when the tail memory is over its budget. */
  writeSegments(): Promise<void>;
  /** The topic was deleted; its folders may still be there. */
  setAside(topic: Topic): Promise<void>;
}

/** Until a topic is opened its configuration is unknown; replay only needs the index interval. */
const RECOVERY_CONFIG = {
  indexIntervalBytes: 4096,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
} as LogConfig;

export class Recovery {
  readonly #state: EngineState;
  readonly #journalDirectory: string;
  readonly #actions: RecoveryActions;
  readonly #topicsByRef = new Map<number, Topic>();
  readonly #fragments = new Map<PartitionLog, { position: number; parts: Buffer[] }>();
  /** Topics of which something is missing, and what. Their entries are skipped. */
  readonly #broken = new Map<Topic, CorruptLog>();
  /** Deleted by the group just replayed. */
  #deleted: Topic[] = [];
  readonly #removed: { readonly log: PartitionLog; readonly segment: Segment }[] = [];
  readonly #replacements: Replacement[] = [];

  constructor(state: EngineState, journalDirectory: string, actions: RecoveryActions) {
    this.#state = state;
    this.#journalDirectory = journalDirectory;
    this.#actions = actions;
  }

  async run(): Promise<Recovered> {
    const { fileSystem, directory } = this.#state.options;
    const path = `${directory}/${CHECKPOINT_FILE}`;
    const bytes = await fileSystem.readFile(path);
    const checkpoint = bytes === null ? null : decodeCheckpoint(bytes, path);
    if (checkpoint === null) await this.#checkFresh(path);
    for (const described of checkpoint?.topics ?? []) {
      this.#addTopic(described.ref, described.topicId, described.name);
      this.#state.recovered.add(described);
    }
    this.#state.leaderEpoch = checkpoint?.leaderEpoch ?? 0;
    this.#state.nextTopicRef = checkpoint?.nextTopicRef ?? 1;
    const journalKey = checkpoint?.journalKey ?? null;
    // Up to the next checkpoint groups may be there without it; behind that there are only groups of this run.
    this.#state.journalKey = journalKey ?? drawKey(this.#state.random);
    const reader = new JournalReader(fileSystem, this.#journalDirectory, crc32c, journalKey);
    let groups = 0;
    let replayedBytes = 0;
    let end: JournalCut | null = null;
    try {
      await reader.open(checkpoint?.cut ?? { lsn: 1, fileNumber: 0, position: 0 });
      let next = await reader.next();
      for (let group = next; group !== null; group = next) {
        next = await reader.next();
        if (next === null) await this.#writeAgain(group);
        for (const entry of group.entries) this.#apply(entry, group.path, group.position);
        // At once: a later group may belong to a new topic of the same name.
        for (const topic of this.#deleted) await this.#actions.setAside(topic);
        this.#deleted = [];
        groups++;
        replayedBytes += group.bytes.length;
        if (this.#state.tail.bytes > this.#state.options.tailBytes)
          await this.#actions.writeSegments();
      }
      end = reader.end;
      if (!this.#state.options.relaxedAcks) await this.#checkEnd(reader);
      for (const error of this.#broken.values()) throw error;
      this.#leaveRemoved();
    } finally {
      await reader.close();
    }
    return {
      isFresh: checkpoint === null,
      wasClean: (checkpoint?.isClean ?? false) && groups === 0,
      lastLsn: reader.nextLsn - 1,
      end,
      lastLsns: reader.lastLsns,
      replayedBytes,
      removed: this.#removed,
      replacements: this.#replacements,
    };
  }

  /** Without a checkpoint nothing may be there that a run leaves behind. */
  async #checkFresh(path: string): Promise<void> {
    const { fileSystem, directory } = this.#state.options;
    let trace = await findGroup(fileSystem, this.#journalDirectory);
    for (const { name, isDirectory } of trace === null ? await fileSystem.list(directory) : []) {
      const metadata = `${directory}/${name}/partition.metadata`;
      if (isDirectory && (await fileSystem.readFile(metadata)) !== null) trace = metadata;
    }
    if (trace !== null)
      throw new CorruptLog(path, 0, `the checkpoint is missing, but not ${trace}`);
  }

  /** The group that could not be read must be the last one. */
  async #checkEnd(reader: JournalReader): Promise<void> {
    const lost = reader.nextLsn;
    const at = reader.end;
    const found = await reader.findBeyond();
    if (found === null) return;
    const path = at === null ? found.path : journalFilePath(this.#journalDirectory, at.fileNumber);
    const behind = `${found.path} at ${found.position}`;
    throw new CorruptLog(
      path,
      at?.position ?? 0,
      `group ${lost} of the commit journal is damaged: group ${found.lsn} follows it in ${behind}`,
    );
  }

  /**
   * The write of the last group may have failed, or its process been killed amid it: then the system may show what the disk never got, and a flush would not bring
   * it there. It is about to count, and others to follow it.
   */
  async #writeAgain({ path, position, bytes }: ReadGroup): Promise<void> {
    const { fileSystem, relaxedAcks } = this.#state.options;
    if (relaxedAcks) return;
    const file = await fileSystem.open(path, { access: "write", synchronous: true });
    await file.write([bytes], position).finally(() => file.close());
  }

  #addTopic(ref: number, topicId: string, name: string): Topic {
    const topic = new Topic(topicId, name, ref, 0, RECOVERY_CONFIG);
    // The checkpoint knows the reference, so it need not be announced again.
    topic.isAnnounced = true;
    this.#topicsByRef.set(ref, topic);
    this.#state.recoveredTopics.set(topicId, topic);
    this.#state.nextTopicRef = Math.max(this.#state.nextTopicRef, ref + 1);
    return topic;
  }

  #apply(entry: JournalEntry, path: string, position: number): void {
    const state = this.#state;
    switch (entry.type) {
      case "topic":
        if (!this.#topicsByRef.has(entry.topicRef)) {
          this.#addTopic(entry.topicRef, entry.topicId, entry.name);
        }
        return;
      case "batch":
      case "fragment": {
        const log = this.#logOf(entry.topicRef, entry.partition);
        if (log === null || entry.baseOffset < log.logEnd) return;
        const bytes = entry.type === "batch" ? entry.bytes : this.#join(log, entry);
        if (bytes !== null) this.#append(log, entry.segmentBase, bytes, path, position);
        return;
      }
      case "logStart": {
        const log = this.#logOf(entry.topicRef, entry.partition);
        if (log !== null) {
          log.logStart = Math.max(log.logStart, entry.offset);
          log.durableStart = log.logStart;
          log.epochs.removeBelow(log.logStart);
          this.#removeSegments(log);
          state.markDirty(log);
        }
        return;
      }
      case "cleaned": {
        const log = this.#logOf(entry.topicRef, entry.partition);
        if (log === null || entry.cleaning <= log.cleanings) return;
        if (!log.segments.some(({ baseOffset }) => baseOffset >= entry.base)) {
          this.#miss(log, path, position, `has no segment ${entry.base} to replace`);
          return;
        }
        this.#replacements.push(replaceSegments(log, entry));
        state.markDirty(log);
        return;
      }
      case "deleteTopic":
        this.#deleteTopic(entry.topicId);
        return;
      case "start":
        state.leaderEpoch = Math.max(state.leaderEpoch, entry.leaderEpoch);
        this.#fragments.clear();
        return;
    }
  }

  #logOf(ref: number, partition: number): PartitionLog | null {
    const topic = this.#topicsByRef.get(ref);
    if (topic === undefined || this.#broken.has(topic)) return null;
    topic.partitions = Math.max(topic.partitions, partition + 1);
    return topic.logs[partition] ?? this.#state.makeLog(topic, partition);
  }

  /** Collects the parts of a large batch; the whole of it with the last one. */
  #join(log: PartitionLog, entry: JournalEntry & { type: "fragment" }): Buffer | null {
    if (entry.isFirst) this.#fragments.set(log, { position: entry.position, parts: [] });
    const collected = this.#fragments.get(log);
    if (collected === undefined || collected.position !== entry.position) return null;
    collected.parts.push(entry.bytes);
    collected.position += entry.bytes.length;
    if (!entry.isLast) return null;
    this.#fragments.delete(log);
    return Buffer.concat(collected.parts);
  }

  #append(
    log: PartitionLog,
    segmentBase: number,
    bytes: Buffer,
    path: string,
    position: number,
  ): void {
    const state = this.#state;
    const base = Number(bytes.readBigInt64BE(0));
    if (base !== log.logEnd) {
      this.#miss(log, path, position, `ends at ${log.logEnd} but goes on at ${base}`);
      return;
    }
    if (log.segments.length === 0 || log.active.baseOffset !== segmentBase) {
      rollSegment(log, state.clock.now(), 0);
      this.#removeSegments(log);
    }
    const segment = log.active;
    const lastOffset = base + lastOffsetDelta(bytes, 0);
    const timestamp = maxTimestamp(bytes, 0);
    const at = segment.sizeBytes;
    segment.append(lastOffset, bytes.length, timestamp, log.topic.config.indexIntervalBytes);
    log.epochs.assign(bytes.readInt32BE(12), base);
    log.push(segment, at, bytes.length, base, lastOffset, bytes, 0);
    log.highWatermark = log.logEnd;
    log.unwrittenBytes += bytes.length;
    state.tail.add(log, bytes);
    state.markDirty(log);
    const id = producerId(bytes, 0);
    if (id >= 0 && isControl(bytes, 0)) {
      const marker = readMarker(bytes, id, producerEpoch(bytes, 0), timestamp);
      if (marker === null) throw new CorruptLog(path, position, "a control batch is no end marker");
      applyMarker(log, segment, marker, base, state.clock.now());
    } else if (id >= 0) {
      const firstSequence = baseSequence(bytes, 0);
      const lastSequence = addSequence(firstSequence, lastOffset - base);
      const epoch = producerEpoch(bytes, 0);
      log.producers ??= new ProducerStates();
      log.producers.add(
        id,
        {
          epoch,
          firstSequence,
          lastSequence,
          baseOffset: base,
          lastOffset,
          timestampMs: timestamp,
        },
        isTransactional(bytes, 0),
        state.clock.now(),
        log.logEnd,
        log.writtenOffset,
      );
    }
    log.producers?.settle(log.highWatermark);
  }

  #removeSegments(log: PartitionLog): void {
    for (const segment of removeSegmentsBelow(log)) this.#removed.push({ log, segment });
  }

  /**
   * The last run may have rolled a partition without a batch behind that, as retention does, and removed all before. Then the segment that seems to be
   * the active one has no file any more. Nothing in it can be read, so whatever became of the file, the partition goes on in a new one.
   */
  #leaveRemoved(): void {
    const { dirtyLogs, clock } = this.#state;
    for (const log of dirtyLogs) {
      if (log.segments.length === 0 || log.active.sizeBytes === 0) continue;
      if (log.durableStart < log.logEnd) continue;
      rollSegment(log, clock.now(), 0);
      this.#removeSegments(log);
    }
  }

  /** Corruption, unless the topic's deletion follows. */
  #miss({ topic, partition }: PartitionLog, path: string, position: number, what: string): void {
    this.#broken.set(topic, new CorruptLog(path, position, `${topic.name}-${partition} ${what}`));
  }

  #deleteTopic(topicId: string): void {
    const state = this.#state;
    const topic = state.recoveredTopics.get(topicId);
    if (topic === undefined) return;
    for (const partition of state.recovered.partitionsOf(topicId)) state.makeLog(topic, partition);
    for (const log of topic.logs) {
      if (log === undefined) continue;
      log.isDeleted = true;
      state.tail.forget(log.tail.clear());
      state.dirtyLogs.delete(log);
    }
    topic.isDeleted = true;
    this.#broken.delete(topic);
    state.recoveredTopics.delete(topicId);
    state.recovered.remove(topicId);
    this.#topicsByRef.delete(topic.ref);
    this.#deleted.push(topic);
  }
}

/** A number that nobody guesses; zero is that of groups without a key. */
function drawKey(random: Random): number {
  return 1 + random.integer(2 ** 48 - 2);
}
