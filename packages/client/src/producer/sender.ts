/**
 * Moves batches from their queues to the leaders. One pass (`#pump`) looks at every queue with something to send, groups what is ready by
 * leader and sends one request per leader with room for it, a batch per partition; passes are run when a batch fills, a linger or retry
 * time comes, an answer arrives or leaders become known. At most {@link MAX_IN_FLIGHT} requests are in flight per leader and batches per
 * partition, which is what brokers remember of an idempotent producer.
 *
 * Answers per partition:
 *   ok                          delivered
 *   passing error               back to the front of the queue, after a pause; leaders are looked up again if that was it
 *   connection lost, timeout    the same, but the batch may be in the log
 *   out of order, unknown id    with batches before it unsettled: the same; else the queue starts a new epoch and sends it again
 *   too large                   split in two, which take its place and its sequence; given up if it is a single record
 *   anything else               given up
 * A batch is given up too when `deliveryTimeoutMs` has passed since it was opened.
 */
import { initProducerId, produce, type RequestInput, type ResponseOf } from "@ottla/protocol";
import { brokerError, throwIfError } from "../broker-error.ts";
import type { Cluster } from "../cluster.ts";
import { ClosedError, DeliveryTimeoutError, FencedError, isRetriable } from "../errors.ts";
import type { Backoff } from "../transport/backoff.ts";
import type { Connection } from "../transport/connection.ts";
import { isStaleMetadata } from "../transport/metadata.ts";
import { Waker } from "../transport/waker.ts";
import type { ProducerBatch } from "./batch.ts";
import type { ResolvedProducerOptions } from "./options.ts";
import type { PartitionQueue } from "./partition-queue.ts";

const MAX_IN_FLIGHT = 5;
const MAX_EPOCH = 0x7fff;
const ACKS = { all: -1, leader: 1, none: 0 } as const;
const TOPIC_ID_VERSION = 13;
const IMPLICIT_PARTITIONS_VERSION = 12;
const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";
const DUPLICATE_SEQUENCE_NUMBER = 46;

/** What a transaction adds to sending. */
export interface TransactionGate {
  readonly transactionalId: string;
  /** The producer's identity, or null while there is none. */
  readonly identity: { readonly producerId: number; readonly producerEpoch: number } | null;
  /** Whether the partition belongs to the transaction; if not yet, it is asked for and `onAdded` called later. */
  admits(topic: string, partition: number): boolean;
  /** Whether brokers add partitions by themselves (KIP-890 part 2). */
  readonly isImplicit: boolean;
  /** A batch was given up: the transaction can only abort. */
  onFailure(error: Error): void;
}

export interface SenderEvents {
  /** Bytes left the buffer. */
  onRelease(bytes: number): void;
  /** A batch was given up that somebody sent without waiting. */
  onUnwatchedFailure(error: Error): void;
}

interface Flight {
  readonly queue: PartitionQueue;
  readonly batch: ProducerBatch;
}

export class Sender {
  readonly #cluster: Cluster;
  readonly #options: ResolvedProducerOptions;
  readonly #events: SenderEvents;
  readonly #gate: TransactionGate | null;
  /** Queues with waiting batches. */
  readonly #active = new Set<PartitionQueue>();
  /** Requests in flight or about to be, by leader. */
  readonly #inFlight = new Map<number, number>();
  readonly #abort = new AbortController();
  #identity: { readonly producerId: number; readonly producerEpoch: number } | null = null;
  #identifying = false;
  #identityRetryAtMs = 0;
  readonly #identityBackoff: Backoff;
  #refreshing = false;
  #refreshAtMs = 0;
  readonly #refreshBackoff: Backoff;
  #flushes = 0;
  readonly #waker: Waker;
  #fatal: Error | null = null;
  /** Set while a transaction is aborted: nothing is sent again. */
  #abandoned: Error | null = null;

  constructor(
    cluster: Cluster,
    options: ResolvedProducerOptions,
    events: SenderEvents,
    gate: TransactionGate | null,
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#events = events;
    this.#gate = gate;
    this.#waker = new Waker(cluster.options.clock, () => this.#pump());
    this.#identityBackoff = cluster.backoff();
    this.#refreshBackoff = cluster.backoff();
  }

  /** Why nothing can be sent any more, or null. */
  get fatal(): Error | null {
    return this.#fatal;
  }

  /** Tells that a queue has a new batch. */
  onOpened(queue: PartitionQueue): void {
    this.#active.add(queue);
    if (this.#options.lingerMs === 0 || this.#flushes > 0) this.wake();
    else this.#waker.wakeAt(this.#cluster.now() + this.#options.lingerMs);
  }

  /** Looks at all queues at the end of this turn. */
  wake(): void {
    this.#waker.wake();
  }

  /** While held, open batches are sent at once. Returns what ends the hold. */
  holdFlush(): () => void {
    this.#flushes++;
    this.wake();
    return () => {
      this.#flushes--;
    };
  }

  /**
   * Gives up everything that waits, for an aborted transaction or a closed producer. True when some of it had a place in the sequence,
   * which has a gap there now.
   */
  failWaiting(error: Error): boolean {
    let hasGap = false;
    for (const queue of this.#active) {
      for (const batch of queue.waiting.splice(0)) {
        hasGap ||= batch.baseSequence >= 0;
        this.#giveUp(queue, batch, error, false);
      }
      queue.waitingBytes = 0;
    }
    this.#active.clear();
    return hasGap;
  }

  /** {@link failWaiting}, and what is in flight is not sent again either. Returns what ends that. */
  abandon(error: Error): { readonly hasGap: boolean; readonly end: () => void } {
    this.#abandoned = error;
    const end = () => {
      this.#abandoned = null;
    };
    return { hasGap: this.failWaiting(error), end };
  }

  /** Gives up what waits and sends nothing any more. */
  stop(error: Error): void {
    this.#fatal ??= error;
    this.#waker.cancel();
    this.#abort.abort(error);
    this.failWaiting(error);
  }

  #pump(): void {
    if (this.#active.size === 0) return;
    if (this.#fatal !== null) {
      this.failWaiting(this.#fatal);
      return;
    }
    const now = this.#cluster.now();
    let nextMs = Number.POSITIVE_INFINITY;
    let isLeaderless = false;
    const byLeader = new Map<number, PartitionQueue[]>();
    for (const queue of this.#active) {
      this.#expire(queue, now);
      const head = queue.waiting[0];
      if (head === undefined) {
        this.#active.delete(queue);
        continue;
      }
      nextMs = Math.min(nextMs, head.createdMs + this.#options.deliveryTimeoutMs);
      const readyAtMs = this.#readyAt(queue, head);
      if (readyAtMs > now) {
        nextMs = Math.min(nextMs, readyAtMs);
        continue;
      }
      const leader = this.leaderOf(queue.topic, queue.partition);
      if (leader < 0) {
        isLeaderless = true;
        continue;
      }
      if (!queue.mayLeave(this.#maxInFlight)) continue;
      if (this.#gate !== null && !this.#gate.admits(queue.topic, queue.partition)) continue;
      const queues = byLeader.get(leader);
      if (queues === undefined) byLeader.set(leader, [queue]);
      else queues.push(queue);
    }
    if (isLeaderless) nextMs = Math.min(nextMs, this.#refreshLeaders(now));
    if (byLeader.size > 0) {
      const waitUntilMs = this.#identify(now);
      if (waitUntilMs === null) {
        for (const [leader, queues] of byLeader) this.#sendTo(leader, queues);
      } else {
        nextMs = Math.min(nextMs, waitUntilMs);
      }
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#waker.wakeAt(nextMs);
  }

  get #maxInFlight(): number {
    // Without sequences nothing but one batch at a time keeps order when one has to be sent again.
    return this.#options.isIdempotent || this.#options.acks === "none" ? MAX_IN_FLIGHT : 1;
  }

  #readyAt(queue: PartitionQueue, head: ProducerBatch): number {
    if (head.retryAtMs > 0) return head.retryAtMs;
    const isComplete = head.isFull || queue.waiting.length > 1 || this.#flushes > 0;
    return isComplete ? 0 : head.createdMs + this.#options.lingerMs;
  }

  /** The broker that leads the partition, or −1 when that is not known or the broker is not. */
  leaderOf(topic: string, partition: number): number {
    const leader = this.#cluster.metadata.cached(topic)?.partitions[partition]?.leader ?? -1;
    return leader >= 0 && this.#cluster.brokers.has(leader) ? leader : -1;
  }

  #expire(queue: PartitionQueue, now: number): void {
    const { deliveryTimeoutMs } = this.#options;
    for (;;) {
      const head = queue.waiting[0];
      if (head === undefined || head.createdMs + deliveryTimeoutMs > now) return;
      queue.waiting.shift();
      queue.waitingBytes -= head.sizeBytes;
      const { maybeWritten, lastError } = head;
      const error = new DeliveryTimeoutError(queue, deliveryTimeoutMs, maybeWritten, lastError);
      this.#giveUp(queue, head, error, true);
    }
  }

  #giveUp(queue: PartitionQueue, batch: ProducerBatch, error: Error, isFailure: boolean): void {
    queue.settle(batch);
    if (isFailure && !batch.isWatched) this.#events.onUnwatchedFailure(error);
    batch.fail(error);
    this.#events.onRelease(batch.heldBytes);
    if (isFailure) this.#gate?.onFailure(error);
  }

  /** Null when the producer has an identity or needs none; otherwise when to look again. */
  #identify(now: number): number | null {
    if (this.#gate !== null) return this.#gate.identity === null ? now + 1_000 : null;
    if (!this.#options.isIdempotent || this.#identity !== null) return null;
    if (this.#identifying) return Number.POSITIVE_INFINITY;
    if (now < this.#identityRetryAtMs) return this.#identityRetryAtMs;
    this.#identifying = true;
    this.#newIdentity()
      .then(
        (identity) => {
          this.#identity = identity;
          this.#identityBackoff.reset();
        },
        (error: Error) => {
          if (isRetriable(error)) {
            this.#identityRetryAtMs = this.#cluster.now() + this.#identityBackoff.nextMs();
          } else {
            this.#fatal ??= error;
          }
        },
      )
      .finally(() => {
        this.#identifying = false;
        this.wake();
      });
    return Number.POSITIVE_INFINITY;
  }

  async #newIdentity(): Promise<{ producerId: number; producerEpoch: number }> {
    const connection = await this.#cluster.brokers.any(this.#abort.signal);
    const { errorCode, producerId, producerEpoch } = await connection.request(initProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 0x7fff_ffff,
    });
    throwIfError(errorCode, "InitProducerId");
    return { producerId, producerEpoch };
  }

  #sendTo(leader: number, queues: readonly PartitionQueue[]): void {
    const inFlight = this.#inFlight.get(leader) ?? 0;
    if (inFlight >= MAX_IN_FLIGHT) return;
    const connection = this.#cluster.brokers.open(leader, "produce");
    if (connection === null) {
      this.#connect(leader, queues);
      return;
    }
    const flights: Flight[] = [];
    let bytes = 0;
    for (const queue of queues) {
      if (bytes > 0 && bytes + queue.waiting[0]!.sizeBytes > this.#options.maxRequestBytes) break;
      if (!this.#prepare(queue)) continue;
      const batch = queue.leave(this.#options.isIdempotent);
      bytes += batch.sizeBytes;
      flights.push({ queue, batch });
      if (queue.waiting.length === 0) this.#active.delete(queue);
    }
    if (flights.length === 0) return;
    this.#inFlight.set(leader, inFlight + 1);
    this.#send(leader, connection, flights);
    // Another request may take what did not fit, and second batches of the same partitions.
    if (this.#active.size > 0) this.wake();
  }

  /** Makes sure that the queue has an identity to send under; false when it has to wait for one. */
  #prepare(queue: PartitionQueue): boolean {
    if (!this.#options.isIdempotent) return true;
    const identity = this.#gate?.identity ?? this.#identity!;
    if (this.#gate !== null) {
      if (
        queue.producerId !== identity.producerId ||
        queue.producerEpoch !== identity.producerEpoch
      ) {
        queue.startEpoch(identity.producerId, identity.producerEpoch);
      }
      return true;
    }
    if (queue.producerId < 0) queue.startEpoch(identity.producerId, identity.producerEpoch);
    if (!queue.needsNewEpoch) return true;
    if (queue.producerEpoch < MAX_EPOCH) {
      // Brokers keep producers per partition, so a new epoch here concerns no other partition.
      queue.startEpoch(queue.producerId, queue.producerEpoch + 1);
      return true;
    }
    this.#identity = null;
    queue.producerId = -1;
    this.wake();
    return false;
  }

  #connect(leader: number, queues: readonly PartitionQueue[]): void {
    // Counted as a request so that one attempt is made at a time.
    this.#inFlight.set(leader, MAX_IN_FLIGHT);
    this.#cluster.brokers.connection(leader, "produce", this.#abort.signal).then(
      () => {
        this.#inFlight.delete(leader);
        this.wake();
      },
      (error: Error) => {
        this.#inFlight.delete(leader);
        if (!isRetriable(error)) this.#fatal ??= error;
        const topics = new Set(queues.map(({ topic }) => topic));
        this.#refreshTopics(topics);
        this.wake();
      },
    );
  }

  #send(leader: number, connection: Connection, flights: readonly Flight[]): void {
    const body = this.#requestOf(connection, flights);
    const bounds = body.isById ? {} : { max: TOPIC_ID_VERSION - 1 };
    if (this.#options.acks === "none") {
      try {
        connection.requestUnanswered(produce, body.request, bounds);
        for (const { queue, batch } of flights) this.#succeed(queue, batch, -1, -1);
      } catch (error) {
        this.#onLost(flights, error as Error);
      }
      this.#landed(leader);
      return;
    }
    connection
      .request(produce, body.request, this.#bounds(bounds))
      .then(
        (response) => this.#onResponse(flights, response),
        (error: Error) => this.#onLost(flights, error),
      )
      .finally(() => this.#landed(leader));
  }

  #bounds(bounds: { readonly max?: number }) {
    const { requestTimeoutMs } = this.#cluster.options;
    const gate = this.#gate;
    if (gate === null) return { ...bounds, timeoutMs: requestTimeoutMs };
    const limit = gate.isImplicit
      ? { min: IMPLICIT_PARTITIONS_VERSION }
      : { max: IMPLICIT_PARTITIONS_VERSION - 1 };
    return { ...bounds, ...limit, timeoutMs: requestTimeoutMs };
  }

  #landed(leader: number): void {
    this.#inFlight.set(leader, (this.#inFlight.get(leader) ?? 1) - 1);
    this.wake();
  }

  #requestOf(connection: Connection, flights: readonly Flight[]) {
    const { metadata } = this.#cluster;
    const idOf = (topic: string) => metadata.cached(topic)?.topicId ?? ZERO_UUID;
    const isById =
      (this.#gate === null || this.#gate.isImplicit) &&
      connection.versions.find(produce, { min: TOPIC_ID_VERSION }) >= 0 &&
      flights.every(({ queue }) => idOf(queue.topic) !== ZERO_UUID);
    const topics = new Map<string, { index: number; records: Buffer }[]>();
    for (const { queue, batch } of flights) {
      const partition = { index: queue.partition, records: batch.bytes() };
      const partitions = topics.get(queue.topic);
      if (partitions === undefined) topics.set(queue.topic, [partition]);
      else partitions.push(partition);
    }
    const request: RequestInput<typeof produce> = {
      transactionalId: this.#gate?.transactionalId ?? null,
      acks: ACKS[this.#options.acks],
      timeoutMs: this.#cluster.options.requestTimeoutMs,
      topicData: [...topics].map(([name, partitionData]) => ({
        ...(isById ? { topicId: idOf(name) } : { name }),
        partitionData,
      })),
    };
    return { request, isById };
  }

  #onResponse(flights: readonly Flight[], response: ResponseOf<typeof produce>): void {
    const { metadata } = this.#cluster;
    const left = new Map<string, Map<number, Flight>>();
    for (const flight of flights) {
      const { topic, partition } = flight.queue;
      const own = left.get(topic) ?? new Map<number, Flight>();
      own.set(partition, flight);
      left.set(topic, own);
    }
    for (const topic of response.responses) {
      const name = topic.name || metadata.nameOf(topic.topicId) || "";
      for (const answer of topic.partitionResponses) {
        const flight = left.get(name)?.get(answer.index);
        if (flight === undefined) continue;
        left.get(name)!.delete(answer.index);
        const { queue, batch } = flight;
        const { errorCode } = answer;
        if (errorCode === 0 || errorCode === DUPLICATE_SEQUENCE_NUMBER) {
          this.#succeed(
            queue,
            batch,
            errorCode === 0 ? answer.baseOffset : -1,
            answer.logAppendTimeMs,
          );
          // The answer to its only request: no socket holds its bytes any more.
          if (batch.attempts === 1) batch.recycle();
          continue;
        }
        const leader = {
          leader: answer.currentLeader.leaderId,
          leaderEpoch: answer.currentLeader.leaderEpoch,
        };
        const isMoved = metadata.applyLeader(name, answer.index, leader, response.nodeEndpoints);
        const subject = `produce to ${name}[${answer.index}]`;
        this.#onError(flight, brokerError(errorCode, subject, answer.errorMessage), isMoved);
      }
    }
    for (const own of left.values()) {
      for (const flight of own.values()) {
        this.#onLost([flight], brokerError(-1, `produce to ${flight.queue.topic}`));
      }
    }
  }

  #succeed(queue: PartitionQueue, batch: ProducerBatch, baseOffset: number, timeMs: number): void {
    queue.acknowledge(batch);
    this.#refreshBackoff.reset();
    batch.succeed(queue.topic, baseOffset, timeMs);
    this.#events.onRelease(batch.heldBytes);
  }

  /** The leader answered: the batch is not in the log, unless a timeout there says otherwise. */
  #onError(flight: Flight, error: ReturnType<typeof brokerError>, isMoved: boolean): void {
    const { queue, batch } = flight;
    const isUncertain =
      error.error === "REQUEST_TIMED_OUT" || error.error === "NOT_ENOUGH_REPLICAS_AFTER_APPEND";
    if (!isUncertain) batch.maybeWritten = false;
    batch.lastError = error;
    if (error instanceof FencedError && this.#gate !== null) {
      this.#fatal ??= error;
      this.#giveUp(queue, batch, error, true);
      return;
    }
    if (this.#options.isIdempotent && isSequenceError(error.error)) {
      if (!queue.isFirst(batch)) {
        this.#retry(flight, 0);
      } else if (this.#gate === null) {
        queue.needsNewEpoch = true;
        this.#retry(flight, 0);
      } else {
        this.#giveUp(queue, batch, error, true);
      }
      return;
    }
    if (error.error === "MESSAGE_TOO_LARGE" && batch.count > 1 && this.#abandoned === null) {
      queue.putBackSplit(batch);
      this.#active.add(queue);
      this.wake();
      return;
    }
    if (!error.retriable) {
      this.#giveUp(queue, batch, error, true);
      return;
    }
    if (isStaleMetadata(error) && !isMoved) this.#refreshTopics(new Set([queue.topic]));
    this.#retry(flight, isMoved ? 0 : this.#pauseOf(batch));
  }

  /** No answer: the batches may be in the log or not. */
  #onLost(flights: readonly Flight[], error: Error): void {
    const canRetry = isRetriable(error) && this.#fatal === null;
    for (const flight of flights) {
      flight.batch.lastError = error;
      if (canRetry) this.#retry(flight, this.#pauseOf(flight.batch));
      else this.#giveUp(flight.queue, flight.batch, this.#fatal ?? error, true);
    }
    if (canRetry) this.#refreshTopics(new Set(flights.map(({ queue }) => queue.topic)));
  }

  #retry({ queue, batch }: Flight, pauseMs: number): void {
    if (this.#abandoned !== null) {
      this.#giveUp(queue, batch, this.#abandoned, true);
      return;
    }
    batch.retryAtMs = this.#cluster.now() + pauseMs;
    queue.putBack(batch);
    this.#active.add(queue);
    this.wake();
  }

  #pauseOf(batch: ProducerBatch): number {
    const { random, retryBackoffMs, retryBackoffMaxMs } = this.#cluster.options;
    const raw = Math.min(retryBackoffMaxMs, retryBackoffMs * 2 ** Math.min(batch.attempts - 1, 20));
    return raw * (0.8 + (0.4 * random.integer(1 << 20)) / (1 << 20));
  }

  /** Asks for the leaders of all topics that wait for one. Returns when to look again. */
  #refreshLeaders(now: number): number {
    if (this.#refreshing) return Number.POSITIVE_INFINITY;
    if (now < this.#refreshAtMs) return this.#refreshAtMs;
    const topics = new Set<string>();
    for (const queue of this.#active) {
      if (this.leaderOf(queue.topic, queue.partition) < 0) topics.add(queue.topic);
    }
    this.#refreshTopics(topics);
    return Number.POSITIVE_INFINITY;
  }

  #refreshTopics(topics: ReadonlySet<string>): void {
    if (this.#refreshing || topics.size === 0 || this.#fatal !== null) return;
    this.#refreshing = true;
    const before = this.#cluster.now();
    this.#cluster.metadata
      .refresh(topics, this.#abort.signal)
      .catch((error: Error) => {
        if (!isRetriable(error) && !(error instanceof ClosedError)) this.#fatal ??= error;
      })
      .finally(() => {
        this.#refreshing = false;
        this.#refreshAtMs = before + this.#refreshBackoff.nextMs();
        this.wake();
      });
  }
}

function isSequenceError(name: string): boolean {
  return name === "OUT_OF_ORDER_SEQUENCE_NUMBER" || name === "UNKNOWN_PRODUCER_ID";
}
