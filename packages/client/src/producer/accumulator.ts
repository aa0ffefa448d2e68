/**
 * Where records wait until they are sent: a queue of batches per partition, topics by name, partitions by index. Records of topics that
 * are not known yet, or of a partition beyond those that are, wait as they are until the cluster answers.
 *
 * Everything here counts against `bufferBytes`. When it is used up, records line up in `#blocked` and enter in order as batches are
 * delivered; whoever waits longer than `maxBlockMs` fails.
 */
import type { Cancel } from "@ottla/platform";
import { BytePool } from "../byte-pool.ts";
import type { Cluster } from "../cluster.ts";
import { RecordTooLargeError, TimeoutError, UnknownPartitionError } from "../errors.ts";
import type { ResolvedOptions } from "../options.ts";
import { holdProcess } from "../transport/hold.ts";
import type { Metadata } from "../transport/metadata.ts";
import { ProducerBatch } from "./batch.ts";
import { partitionForKey } from "./murmur2.ts";
import type { ResolvedProducerOptions } from "./options.ts";
import { PartitionQueue } from "./partition-queue.ts";
import { ownCopy, type ProducerRecord } from "./record.ts";
import type { BatchTaker } from "./sender-seams.ts";
import { StickyPartition } from "./sticky-partition.ts";
import type { Ticket } from "./ticket.ts";

/** Bytes a record may take beyond its key, value and headers. */
const RECORD_OVERHEAD_BYTES = 32;
const INITIAL_BATCH_BYTES = 1024;
/** Records that share one look at the clock, at most. */
const RECORDS_PER_CLOCK = 64;

/** What an accumulator needs of the cluster. */
export interface TopicSource extends Pick<Cluster, "now" | "retry"> {
  readonly options: Pick<ResolvedOptions, "clock" | "random">;
  readonly metadata: Pick<Metadata, "version" | "cached" | "topic" | "refresh" | "allowCreation">;
}

interface Waiting {
  readonly record: ProducerRecord;
  readonly ticket: Ticket | null;
  readonly index: number;
}

interface Blocked extends Waiting {
  readonly deadlineMs: number;
}

class TopicQueues {
  readonly name: string;
  readonly queues: PartitionQueue[] = [];
  readonly sticky: StickyPartition;
  /** Made once: asked only when the sticky partition changes. */
  readonly queuedBytes: (partition: number) => number;
  /** Zero until the topic is known. */
  partitionCount = 0;
  metadataVersion = -1;
  /** Records that wait for the topic to be known. */
  readonly waiting: Waiting[] = [];
  waitingBytes = 0;

  constructor(name: string, sticky: StickyPartition, sender: BatchTaker) {
    this.name = name;
    this.sticky = sticky;
    this.queuedBytes = (partition) =>
      sender.leaderOf(name, partition) < 0 ? -1 : (this.queues[partition]?.waitingBytes ?? 0);
  }
}

export class Accumulator {
  readonly #cluster: TopicSource;
  readonly #options: ResolvedProducerOptions;
  readonly #sender: BatchTaker;
  readonly #isTransactional: boolean;
  /** For batches: one that is full would be most of a producer's garbage. */
  readonly #pool: BytePool;
  readonly #topics = new Map<string, TopicQueues>();
  readonly #outstanding = new Set<ProducerBatch>();
  readonly #blocked: Blocked[] = [];
  #blockedHead = 0;
  #cancelTimer: Cancel | null = null;
  #usedBytes = 0;
  #clockMs = 0;
  #clockUses = 0;
  readonly #forgetClock = () => {
    this.#clockUses = 0;
  };
  /** Keeps the process alive while something is undelivered: a linger timer alone would not. */
  #releaseHold: (() => void) | null = null;
  /** Records that wait for their topic or for room. */
  #idleWaiters: (() => void)[] = [];

  constructor(
    cluster: TopicSource,
    options: ResolvedProducerOptions,
    sender: BatchTaker,
    isTransactional: boolean,
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#sender = sender;
    this.#isTransactional = isTransactional;
    this.#pool = new BytePool(cluster.options.clock, options.bufferBytes);
  }

  /** Whether a record would enter at once. */
  get hasRoom(): boolean {
    return this.#usedBytes < this.#options.bufferBytes && this.#blocked.length === 0;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes a record, now or when there is room; failures go to the ticket, or are lost with a null one but for `onUnwatched`. */
  add(record: ProducerRecord, ticket: Ticket | null, index: number): void {
    if (this.hasRoom) {
      this.#enter(record, ticket, index);
      return;
    }
    const deadlineMs = this.#cluster.now() + this.#options.maxBlockMs;
    this.#blocked.push({ record: ownCopy(record), ticket, index, deadlineMs });
    if (this.#cancelTimer === null) this.#watchBlocked(deadlineMs);
  }

  /** Bytes left: lets blocked records in, in order. */
  release(bytes: number): void {
    this.#usedBytes -= bytes;
    if (this.#usedBytes === 0) {
      this.#releaseHold?.();
      this.#releaseHold = null;
    }
    while (this.#blockedHead < this.#blocked.length) {
      if (this.#usedBytes >= this.#options.bufferBytes) return;
      const { record, ticket, index } = this.#blocked[this.#blockedHead++]!;
      this.#enter(record, ticket, index);
    }
    if (this.#blocked.length > 0) {
      this.#blocked.length = 0;
      this.#blockedHead = 0;
      this.#cancelTimer?.();
      this.#cancelTimer = null;
    }
    this.#notify();
  }

  /** Resolves when a record would enter at once. */
  async room(): Promise<void> {
    while (!this.hasRoom) {
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    }
  }

  /** Resolves when everything taken so far is delivered or given up. */
  async drained(): Promise<void> {
    while (this.#blocked.length > 0 || this.#hasUnknown()) {
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    }
    const batches = [...this.#outstanding];
    await Promise.all(
      batches.map((batch) => new Promise<void>((resolve) => batch.onDone.push(resolve))),
    );
  }

  /** Fails everything that has not reached a batch. */
  failWaiting(error: Error): void {
    for (const { ticket } of this.#blocked.splice(0).slice(this.#blockedHead)) ticket?.fail(error);
    this.#blockedHead = 0;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    for (const topic of this.#topics.values()) this.#failTopic(topic, error);
  }

  #hasUnknown(): boolean {
    for (const topic of this.#topics.values()) if (topic.waiting.length > 0) return true;
    return false;
  }

  #notify(): void {
    if (this.#idleWaiters.length === 0) return;
    for (const waiter of this.#idleWaiters.splice(0)) waiter();
  }

  #enter(record: ProducerRecord, ticket: Ticket | null, index: number): void {
    this.#releaseHold ??= holdProcess();
    let topic = this.#topics.get(record.topic);
    if (topic === undefined) {
      const { random } = this.#cluster.options;
      const sticky = new StickyPartition(random, this.#options.batchBytes);
      topic = new TopicQueues(record.topic, sticky, this.#sender);
      this.#topics.set(record.topic, topic);
    }
    if (topic.metadataVersion !== this.#cluster.metadata.version) this.#look(topic);
    const isBeyond = record.partition !== undefined && record.partition >= topic.partitionCount;
    if (isBeyond || topic.partitionCount === 0 || topic.waiting.length > 0) {
      const bytes = roughBytes(record);
      topic.waiting.push({ record: ownCopy(record), ticket, index });
      topic.waitingBytes += bytes;
      this.#usedBytes += bytes;
      if (topic.waiting.length === 1) this.#learn(topic);
      return;
    }
    this.#append(topic, record, ticket, index);
  }

  #look(topic: TopicQueues): void {
    const { metadata } = this.#cluster;
    topic.partitionCount = metadata.cached(topic.name)?.partitions.length ?? topic.partitionCount;
    topic.metadataVersion = metadata.version;
  }

  #append(topic: TopicQueues, record: ProducerRecord, ticket: Ticket | null, index: number): void {
    const bytes = roughBytes(record);
    if (bytes > this.#options.maxRequestBytes) {
      this.#refuse(ticket, new RecordTooLargeError(bytes, this.#options.maxRequestBytes));
      return;
    }
    let key = record.key ?? null;
    let partition = record.partition;
    let isSticky = false;
    if (partition === undefined) {
      if (key === null) {
        partition = topic.sticky.pick(topic.partitionCount, topic.queuedBytes);
        isSticky = true;
      } else {
        if (typeof key === "string") key = Buffer.from(key);
        partition = partitionForKey(key, topic.partitionCount);
      }
    } else if (
      !(Number.isInteger(partition) && partition >= 0 && partition < topic.partitionCount)
    ) {
      this.#refuse(ticket, new UnknownPartitionError(topic.name, partition, topic.partitionCount));
      return;
    }
    let queue = topic.queues[partition];
    if (queue === undefined) {
      queue = new PartitionQueue(topic.name, partition);
      topic.queues[partition] = queue;
    }
    let batch = queue.open;
    if (batch !== null && batch.sizeBytes + bytes > this.#options.batchBytes) {
      this.#seal(batch);
      batch = null;
    }
    let taken = 0;
    if (batch === null) {
      batch = this.#openBatch(queue);
      taken = batch.sizeBytes;
    }
    const timestampMs = record.timestampMs ?? this.#timestamp();
    taken += batch.append(record, key, timestampMs, ticket, index);
    queue.waitingBytes += taken;
    this.#usedBytes += taken;
    if (isSticky) topic.sticky.add(taken);
    if (batch.sizeBytes >= this.#options.batchBytes) this.#seal(batch);
  }

  /** The time, looked at once for some records of one turn. */
  #timestamp(): number {
    if (this.#clockUses === 0) {
      this.#clockMs = this.#cluster.options.clock.now();
      queueMicrotask(this.#forgetClock);
    }
    const timestampMs = this.#clockMs;
    this.#clockUses = this.#clockUses === RECORDS_PER_CLOCK ? 0 : this.#clockUses + 1;
    return timestampMs;
  }

  /** Fails a record that never took room. */
  #refuse(ticket: Ticket | null, error: Error): void {
    if (ticket === null) this.#onUnwatched(error);
    else ticket.fail(error);
    if (this.#usedBytes === 0) this.release(0);
  }

  #seal(batch: ProducerBatch): void {
    batch.isFull = true;
    this.#sender.wake();
  }

  #openBatch(queue: PartitionQueue): ProducerBatch {
    const { batchBytes } = this.#options;
    const batch = new ProducerBatch(
      queue.partition,
      this.#cluster.now(),
      this.#options,
      this.#isTransactional,
      this.#pool,
      // Growing is copying: a partition that fills its batches gets them at once in full.
      queue.lastBatchBytes > batchBytes / 2 ? batchBytes : INITIAL_BATCH_BYTES,
    );
    this.#outstanding.add(batch);
    batch.onDone.push(() => this.#outstanding.delete(batch));
    queue.waiting.push(batch);
    this.#sender.onOpened(queue);
    return batch;
  }

  /** Asks for a topic until it is known, an error is final or time is up; then moves on what waited. */
  #learn(topic: TopicQueues): void {
    const { metadata } = this.#cluster;
    if (this.#options.createTopics) metadata.allowCreation(topic.name);
    this.#cluster
      .retry(
        `metadata of topic ${topic.name}`,
        { timeoutMs: this.#options.maxBlockMs },
        async () => {
          if (topic.partitionCount === 0) await metadata.topic(topic.name);
          else await metadata.refresh([topic.name]);
        },
      )
      .then(
        () => {
          this.#look(topic);
          this.#usedBytes -= topic.waitingBytes;
          topic.waitingBytes = 0;
          for (const { record, ticket, index } of topic.waiting.splice(0)) {
            this.#append(topic, record, ticket, index);
          }
          this.release(0);
        },
        (error: Error) => this.#failTopic(topic, error),
      );
  }

  #failTopic(topic: TopicQueues, error: Error): void {
    const waiting = topic.waiting.splice(0);
    if (waiting.length === 0) return;
    const bytes = topic.waitingBytes;
    topic.waitingBytes = 0;
    for (const { ticket } of waiting) {
      if (ticket === null) this.#onUnwatched(error);
      else ticket.fail(error);
    }
    this.release(bytes);
  }

  /** Set by the producer: failures of records nobody waits for. */
  onUnwatchedFailure: (error: Error) => void = () => {};

  #onUnwatched(error: Error): void {
    this.onUnwatchedFailure(error);
  }

  #watchBlocked(deadlineMs: number): void {
    const { clock } = this.#cluster.options;
    this.#cancelTimer = clock.schedule(deadlineMs - this.#cluster.now(), () => {
      this.#cancelTimer = null;
      const now = this.#cluster.now();
      while (this.#blockedHead < this.#blocked.length) {
        const head = this.#blocked[this.#blockedHead]!;
        if (head.deadlineMs > now) {
          this.#watchBlocked(head.deadlineMs);
          return;
        }
        this.#blockedHead++;
        const error = new TimeoutError("room in the producer's buffer", this.#options.maxBlockMs);
        if (head.ticket === null) this.#onUnwatched(error);
        else head.ticket.fail(error);
      }
      this.release(0);
    });
  }
}

/** An estimate that is exact for bytes and ASCII and low for other text. */
function roughBytes(record: ProducerRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  const headers = record.headers;
  if (headers !== undefined) {
    for (let i = 0; i < headers.length; i++) {
      bytes += headers[i]!.key.length + (headers[i]!.value?.length ?? 0) + 4;
    }
  }
  return bytes;
}
