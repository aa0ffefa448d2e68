/**
 * Appends: from a request to staged batches, in the order of the calls.
 *
 * The requests of one callback of the event loop, a few of each connection, are staged together when it has returned. A request is staged in one
 * go: each partition's batch is validated, copied into the journal's memory, checked there against its CRC, given its
 * offset, and kept as the newest of its partition. The request resolves with the group that carries its last batch. When the
 * journal or the tail memory has no room the request, and everybody behind it, waits in a queue and is staged later in the same order. The
 * queue is bounded by the callers: each holds its request's bytes until it is answered.
 *
 * When a group fails, all partitions fall back to their high watermarks (what is durable), every waiting request learns `storage` for
 * what it had above them, and nothing of it is ever shown or written.
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import type { Clock, Later, Random } from "@ottla/platform";
import {
  batchCrc,
  crc32c,
  RECORD_BATCH_OVERHEAD,
  stampBaseOffset,
  stampLogAppendTime,
  stampMaxTimestamp,
  stampPartitionLeaderEpoch,
} from "@ottla/protocol";
import { Append } from "./append-request.ts";
import {
  type AppendFault,
  BatchInfo,
  checkMarker,
  checkProducer,
  fault,
  inspectBaseOffset,
  inspectBatch,
  inspectHeader,
  inspectRecords,
  isFault,
  LOG_APPEND_TIME,
  needsRecords,
} from "./append-validation.ts";
import type { AppendPartition, AppendRequest, AppendResult, LogErrorKind } from "./engine.ts";
import type { JournalFailed } from "./errors.ts";
import type { Journal } from "./journal.ts";
import { encodeTopicEntry } from "./journal-format.ts";
import type { PartitionLog, Topic } from "./partition-log.ts";
import type { BatchHolder } from "./partition-tail.ts";
import { type ProducerBatch, ProducerStates } from "./producer-state.ts";
import { recompress, withRecords } from "./recompression.ts";
import type { Segment } from "./segment.ts";
import { segmentFor } from "./segment-roll.ts";
import type { TailMemory } from "./tail-memory.ts";
import { applyMarker, type Marker } from "./transaction-markers.ts";
import type { Trouble } from "./trouble.ts";

/** What appending needs of the engine. */
export interface AppendContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly tail: TailMemory;
  readonly leaderEpoch: number;
  readonly replicas: number;
  readonly isClosed: boolean;
  readonly segmentTrouble: Trouble;
  findTopic(topicId: string): Topic | null;
  findLog(topic: Topic, partition: number): PartitionLog | null;
}

const NO_PRODUCERS = new ProducerStates();

/** How long requests whose batches must be decompressed keep the event loop before others have a turn. */
const TURN_MS = 20;

/** How many partitions are looked at ahead, unless one request has more. */
const PREFETCHED_PARTITIONS = 64;

type Staged = "done" | "wait";

export class Appender {
  readonly #context: AppendContext;
  readonly #info = new BatchInfo();
  /** Whether the bytes to store differ from those that were copied into the journal. */
  #isChanged = false;
  /** Whether a batch was decompressed since the last turn of the event loop, and when staging began in this one. */
  #hasDecompressed = false;
  #turnBeganMs = 0;
  /** Whether staging goes on in a later turn, and with nothing that calls {@link Appender.resume} before. */
  #awaitsTurn = false;
  #takesTurns = true;
  /** Wall-clock time of the request being staged. */
  #nowMs = 0;
  /** Keeps the compiler from leaving out {@link Appender.#prefetch}. */
  touched = 0;
  /** The end marker in the batch being staged. */
  #marker: Marker | null = null;
  /** Requests that are not staged, or not to their end, in the order of the calls. */
  #waiting: Append[] = [];

  constructor(context: AppendContext) {
    this.#context = context;
  }

  /** Takes the request into the order of appends. It is staged before the event loop takes up anything else, if there is room. */
  append(request: AppendRequest): Later<readonly AppendResult[]> {
    const append = new Append(request);
    this.#waiting.push(append);
    if (this.#waiting.length === 1) process.nextTick(this.#resume);
    return append;
  }

  /** Requests that wait for room, or for the end of what called. */
  get waiting(): number {
    return this.#waiting.length;
  }

  readonly #resume = () => this.resume();
  readonly #resumeInTurn = () => {
    this.#awaitsTurn = false;
    this.resume();
  };

  /** From here on what waits is staged without turns for others. */
  hurry(): void {
    this.#takesTurns = false;
    this.#awaitsTurn = false;
  }

  /** Stages what waits, as far as there is room. Who calls it for a group or a segment that was written does so many times in a turn. */
  resume(): void {
    if (this.#awaitsTurn) return;
    const waiting = this.#waiting;
    this.#nowMs = this.#context.clock.now();
    this.#turnBeganMs = this.#context.clock.monotonic();
    this.#hasDecompressed = false;
    let staged = 0;
    let prefetched = 0;
    while (staged < waiting.length) {
      if (staged === prefetched) prefetched = this.#prefetch(staged);
      if (this.#tryStage(waiting[staged]!) === "wait") break;
      staged++;
    }
    if (staged === waiting.length) this.#waiting = [];
    else if (staged > 0) waiting.splice(0, staged);
  }

  /** Groups failed: what the request at the head of the queue has staged of itself was taken back with them, and no other has staged anything. */
  failStaged(error: JournalFailed): void {
    const first = this.#waiting[0];
    if (first === undefined) return;
    first.failStaged(error);
    if (first.large !== null) first.large.hasFailed = true;
  }

  /** A defect met while staging is that request's: whoever waits behind it goes on. */
  #tryStage(append: Append): Staged {
    try {
      return this.#stage(append);
    } catch (cause) {
      if (append.large !== null && append.large.staged > 0) this.#context.journal.dropLarge();
      append.fail(cause);
      return "done";
    }
  }

  #stage(append: Append): Staged {
    const { partitions } = append.request;
    for (let i = append.looked; i < partitions.length; i++) {
      // Here, so that what is done is done: a request that has no more partitions is not kept from its group.
      if (this.#hasDecompressed && this.#isTurnOver()) return "wait";
      if (this.#stagePartition(append, partitions[i]!) === "wait") return "wait";
    }
    append.letGo();
    this.#context.journal.wait(append);
    return "done";
  }

  /** Whether decompression has kept others waiting. Then staging goes on when they had their turn. */
  #isTurnOver(): boolean {
    if (!this.#takesTurns) return false;
    if (this.#context.clock.monotonic() - this.#turnBeganMs < TURN_MS) return false;
    this.#awaitsTurn = true;
    setImmediate(this.#resumeInTurn);
    return true;
  }

  /**
   * Reads what staging will read of each partition. With hundreds of them it has left the processor's caches since the last request, and staging
   * meets one miss after the other; here those of several partitions are under way at once. One thing leads to the next, so each is read of all
   * partitions before the next is of any.
   * @param from the first waiting request to look at. @returns the first that was not.
   */
  #prefetch(from: number): number {
    const waiting = this.#waiting;
    const logs: PartitionLog[] = [];
    let request = from;
    let topic: Topic | null = null;
    for (; request < waiting.length && logs.length < PREFETCHED_PARTITIONS; request++) {
      const { looked, request: asked } = waiting[request]!;
      const { partitions } = asked;
      for (let i = looked; i < partitions.length; i++) {
        const { topicId, partition } = partitions[i]!;
        if (topic === null || topicId !== topic.id) topic = this.#context.findTopic(topicId);
        const log = topic?.logs[partition];
        if (log !== undefined) logs.push(log);
      }
    }
    let sum = 0;
    for (let i = 0; i < logs.length; i++) sum += logs[i]!.touch();
    for (let i = 0; i < logs.length; i++) sum += logs[i]!.touchParts();
    for (let i = 0; i < logs.length; i++) sum += logs[i]!.touchNumbers();
    this.touched = sum;
    return request;
  }

  #stagePartition(append: Append, asked: AppendPartition): Staged {
    const { journal, tail } = this.#context;
    const { request } = append;
    if (append.large !== null) return this.#stageLarge(append);
    const topic = this.#context.findTopic(asked.topicId);
    if (this.#context.isClosed) return this.#refuse(append, "shuttingDown");
    if (topic === null) return this.#refuse(append, "unknownTopic");
    const log = this.#context.findLog(topic, asked.partition);
    if (log === null) return this.#refuse(append, "unknownPartition");
    const makesRoom = request.makesRoom === true;
    if (journal.refuses && !makesRoom) return this.#refuse(append, "storage");
    const { config } = topic;
    if (request.acks === -1 && config.minInsyncReplicas > this.#context.replicas) {
      return this.#refuse(append, "notEnoughReplicas");
    }
    const info = this.#info;
    const problem = inspectBatch(asked.records, request, config, info);
    if (problem !== null) return this.#fail(append, null, problem);
    let bytes = asked.records!;
    const offsetFault = inspectBaseOffset(bytes, request);
    if (offsetFault !== null) return this.#fail(append, log, offsetFault);
    if (bytes.length > info.sizeBytes) bytes = bytes.subarray(0, info.sizeBytes);

    if (bytes.length > journal.largestBatch) return this.#refuse(append, "messageTooLarge");
    const isLarge = bytes.length > journal.largestPayload;
    if (makesRoom ? tail.isFullForAll : tail.isFull) {
      return this.#context.segmentTrouble.isLasting ? this.#refuse(append, "storage") : "wait";
    }
    if (!journal.hasRoom(isLarge ? 0 : bytes.length)) return "wait";
    // The CRC is computed where the bytes have to go anyway; until addBatch they are no part of the group.
    let crcIsValid: boolean;
    if (isLarge) crcIsValid = crc32c(bytes, 21, bytes.length) === info.crc;
    else {
      const at = journal.copyIn(bytes);
      crcIsValid = journal.crc(at + 21, at + bytes.length) === info.crc;
    }
    if (!crcIsValid)
      return this.#fail(append, log, fault("corruptBatch", "The CRC does not match"));
    const nowMs = this.#nowMs;
    const headerFault = inspectHeader(bytes, request, config, info);
    if (headerFault !== null) return this.#fail(append, log, headerFault);

    const stored = this.#checkRecords(bytes, topic, nowMs);
    if (stored !== bytes && !Buffer.isBuffer(stored)) return this.#fail(append, log, stored);
    this.#marker = null;
    if (info.producerId >= 0 && info.isControl) {
      const marker = checkMarker(log.producers ?? NO_PRODUCERS, bytes, info, request);
      if (isFault(marker)) return this.#fail(append, log, marker);
      this.#marker = marker;
    } else if (info.producerId >= 0) {
      const duplicate = checkProducer(log.producers ?? NO_PRODUCERS, info, request);
      if (duplicate !== null) {
        if (isFault(duplicate)) return this.#fail(append, log, duplicate);
        return this.#repeat(append, log, duplicate);
      }
    }
    if (stored !== bytes) {
      if (stored.length > config.maxMessageBytes) return this.#refuse(append, "messageTooLarge");
      if (stored.length > journal.largestBatch) return this.#refuse(append, "messageTooLarge");
      if (stored.length > config.segmentBytes) return this.#refuse(append, "recordListTooLarge");
    }
    // A batch that no longer fits after recompression goes in parts, which need no room in one piece.
    if (stored.length > journal.largestPayload || !journal.hasRoom(stored.length)) {
      return this.#beginLarge(append, log, stored, nowMs);
    }
    if (isLarge || this.#isChanged) journal.copyIn(stored);
    this.#isChanged = false;
    if (!makesRoom) journal.gathering.makesRoom = false;
    return this.#commit(append, log, stored, nowMs);
  }

  /** Records-level checks and stamps; the bytes to store, which are others when they were recompressed. */
  #checkRecords(bytes: Buffer, topic: Topic, nowMs: number): Buffer | AppendFault {
    const { config } = topic;
    const info = this.#info;
    const claimedMax = info.maxTimestamp;
    if (info.compression === 0) {
      const problem = inspectRecords(
        bytes,
        RECORD_BATCH_OVERHEAD,
        bytes.length,
        config,
        info,
        nowMs,
      );
      if (problem !== null) return problem;
    } else if (needsRecords(config, info, nowMs)) {
      this.#hasDecompressed = true;
      const problem = withRecords(bytes, info.compression, (records) =>
        inspectRecords(records, 0, records.length, config, info, nowMs),
      );
      if (problem !== null) return problem;
    }
    const stored = info.isControl ? bytes : recompress(bytes, info, config);
    if (stored !== bytes) this.#hasDecompressed = true;
    if (!Buffer.isBuffer(stored)) return stored;
    this.#isChanged = stored !== bytes;
    if (config.timestampType === "LogAppendTime" && !info.isControl) {
      stampLogAppendTime(stored, 0, nowMs);
      info.maxTimestamp = nowMs;
      this.#isChanged = true;
    } else if ((info.attributes & LOG_APPEND_TIME) !== 0) {
      // CreateTime topics keep CreateTime, whatever the client claims.
      stored.writeInt16BE(info.attributes & ~LOG_APPEND_TIME, 21);
      stampMaxTimestamp(stored, 0, info.maxTimestamp);
      this.#isChanged = true;
    } else if (info.maxTimestamp !== claimedMax) {
      stampMaxTimestamp(stored, 0, info.maxTimestamp);
      this.#isChanged = true;
    }
    return stored;
  }

  /** Gives the batch its offset and makes it part of the group and of the partition. */
  #commit(append: Append, log: PartitionLog, bytes: Buffer, nowMs: number): Staged {
    const { journal, leaderEpoch, random } = this.#context;
    this.#announce(log.topic);
    const baseOffset = log.logEnd;
    journal.stampCopied(baseOffset, leaderEpoch);
    const segment = segmentFor(log, bytes.length, this.#info, nowMs, random);
    const position = segment.sizeBytes;
    const { slab } = journal.gathering;
    const at = journal.addBatch(
      log,
      segment.baseOffset,
      position,
      baseOffset,
      leaderEpoch,
      bytes.length,
      batchCrc(bytes, 0),
    );
    this.#keep(append, log, segment, position, bytes.length, slab, at, nowMs);
    return "done";
  }

  /** The batch is staged whole: it becomes the newest of its partition. */
  #keep(
    append: Append,
    log: PartitionLog,
    segment: Segment,
    position: number,
    sizeBytes: number,
    holder: BatchHolder,
    at: number,
    nowMs: number,
  ): void {
    const { journal, tail } = this.#context;
    const info = this.#info;
    const { config } = log.topic;
    const baseOffset = log.logEnd;
    const lastOffset = baseOffset + info.lastOffsetDelta;
    segment.append(lastOffset, sizeBytes, info.maxTimestamp, config.indexIntervalBytes);
    log.push(segment, position, sizeBytes, baseOffset, lastOffset, holder, at);
    log.gatheredBytes += sizeBytes;
    tail.add(log, holder);
    if (this.#marker !== null) applyMarker(log, segment, this.#marker, baseOffset, nowMs);
    else if (info.producerId >= 0) this.#remember(log, baseOffset, lastOffset, nowMs);
    const group = journal.gathering;
    if (log.gatheringGroup !== group.serial) {
      log.gatheringGroup = group.serial;
      group.touched.push(log);
    }
    const isStamped = config.timestampType === "LogAppendTime";
    append.accept(log, baseOffset, isStamped ? info.maxTimestamp : -1);
  }

  #remember(log: PartitionLog, baseOffset: number, lastOffset: number, nowMs: number): void {
    const info = this.#info;
    log.producers ??= new ProducerStates();
    log.producers.add(
      info.producerId,
      {
        epoch: info.producerEpoch,
        firstSequence: info.baseSequence,
        lastSequence: info.lastSequence,
        baseOffset,
        lastOffset,
        timestampMs: info.maxTimestamp,
      },
      info.isTransactional,
      nowMs,
      log.highWatermark,
      log.writtenOffset,
    );
  }

  #beginLarge(append: Append, log: PartitionLog, lent: Buffer, nowMs: number): Staged {
    const { leaderEpoch, random } = this.#context;
    const bytes = Buffer.from(lent);
    stampBaseOffset(bytes, 0, log.logEnd);
    stampPartitionLeaderEpoch(bytes, 0, leaderEpoch);
    this.#announce(log.topic);
    segmentFor(log, bytes.length, this.#info, nowMs, random);
    append.large = { log, bytes, staged: 0, hasFailed: false };
    return this.#stageLarge(append);
  }

  /** Stages the next parts of a batch that is larger than a group; nobody else stages in between. */
  #stageLarge(append: Append): Staged {
    const { journal, clock } = this.#context;
    const large = append.large!;
    const { log, bytes } = large;
    const segment = log.isDeleted ? null : log.active;
    while (segment !== null && !large.hasFailed && large.staged < bytes.length) {
      const size = Math.min(bytes.length - large.staged, journal.largestPayload);
      if (!journal.hasRoom(size)) return "wait";
      this.#announce(log.topic);
      const at = journal.copyIn(bytes.subarray(large.staged, large.staged + size));
      journal.gathering.makesRoom = false;
      const isLast = large.staged + size === bytes.length;
      const position = segment.sizeBytes + large.staged;
      journal.addFragment(
        log,
        segment.baseOffset,
        position,
        log.logEnd,
        size,
        journal.crc(at, at + size),
        large.staged === 0,
        isLast,
      );
      large.staged += size;
    }
    append.large = null;
    if (log.isDeleted) {
      if (large.staged > 0 && !large.hasFailed) journal.dropLarge();
      return this.#refuse(append, "unknownTopic");
    }
    if (large.hasFailed) return this.#refuse(append, "storage");
    // Other requests have used the info since this one was validated only if it had to wait; fill it again. No marker is so large.
    this.#marker = null;
    const info = this.#info;
    inspectBatch(bytes, { ...append.request, origin: "coordinator" }, log.topic.config, info);
    inspectHeader(bytes, append.request, log.topic.config, info);
    this.#keep(append, log, segment!, segment!.sizeBytes, bytes.length, bytes, 0, clock.now());
    return "done";
  }

  #announce(topic: Topic): void {
    if (topic.isAnnounced) return;
    this.#context.journal.addEntry(encodeTopicEntry(topic.ref, topic.id, topic.name));
    topic.isAnnounced = true;
  }

  #repeat(append: Append, log: PartitionLog, batch: ProducerBatch): Staged {
    append.accept(log, batch.baseOffset, batch.timestampMs);
    return "done";
  }

  #refuse(append: Append, error: LogErrorKind): Staged {
    append.large = null;
    return this.#fail(append, null, fault(error, null));
  }

  /** @param log whose start the answer tells; null when the fault was found before any log was looked at. */
  #fail(append: Append, log: PartitionLog | null, problem: AppendFault): Staged {
    append.refuse(problem, log?.logStart ?? -1);
    return "done";
  }
}
