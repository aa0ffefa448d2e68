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
import { produce, type ResponseOf } from "@ottla/protocol";
import { brokerError } from "../broker-error.ts";
import type { Cluster } from "../cluster.ts";
import { DeliveryTimeoutError, FencedError, isRetriable } from "../errors.ts";
import type { Connection } from "../transport/connection.ts";
import { isStaleMetadata } from "../transport/metadata.ts";
import { Waker } from "../transport/waker.ts";
import type { ProducerBatch } from "./batch.ts";
import { Leaders } from "./leaders.ts";
import type { ResolvedProducerOptions } from "./options.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import { produceRequest, transactionBounds } from "./produce-request.ts";
import { SenderIdentity } from "./sender-identity.ts";
import type { Flight, SenderEvents, SenderHandle, TransactionGate } from "./sender-seams.ts";

const MAX_IN_FLIGHT = 5;
const DUPLICATE_SEQUENCE_NUMBER = 46;

export class Sender implements SenderHandle {
  readonly #cluster: Cluster;
  readonly #options: ResolvedProducerOptions;
  readonly #events: SenderEvents;
  readonly #gate: TransactionGate | null;
  /** Queues with waiting batches. */
  readonly #active = new Set<PartitionQueue>();
  /** Requests in flight or about to be, by leader. */
  readonly #inFlight = new Map<number, number>();
  readonly #abort = new AbortController();
  readonly #identity: SenderIdentity;
  readonly #leaders: Leaders;
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
    const { signal } = this.#abort;
    this.#identity = new SenderIdentity(cluster, options.isIdempotent, gate, this, signal);
    this.#leaders = new Leaders(cluster, this, signal);
  }

  /** Why nothing can be sent any more, or null. */
  get fatal(): Error | null {
    return this.#fatal;
  }

  fail(error: Error): void {
    this.#fatal ??= error;
  }

  /** The broker that leads the partition, or −1 when that is not known or the broker is not. */
  leaderOf(topic: string, partition: number): number {
    return this.#leaders.of(topic, partition);
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
      const leader = this.#leaders.of(queue.topic, queue.partition);
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
    if (isLeaderless) nextMs = Math.min(nextMs, this.#leaders.lookUp(this.#active, now));
    if (byLeader.size > 0) {
      const waitUntilMs = this.#identity.acquire(now);
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
      if (!this.#identity.prepare(queue)) continue;
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
        this.#leaders.refresh(topics);
        this.wake();
      },
    );
  }

  #send(leader: number, connection: Connection, flights: readonly Flight[]): void {
    const gate = this.#gate;
    const { request, bounds } = produceRequest(
      this.#cluster,
      this.#options,
      gate,
      connection,
      flights,
    );
    if (this.#options.acks === "none") {
      try {
        connection.requestUnanswered(produce, request, bounds);
        for (const { queue, batch } of flights) this.#succeed(queue, batch, -1, -1);
      } catch (error) {
        this.#onLost(flights, error as Error);
      }
      this.#landed(leader);
      return;
    }
    const timeoutMs = this.#cluster.options.requestTimeoutMs;
    connection
      .request(produce, request, { ...bounds, ...transactionBounds(gate), timeoutMs })
      .then(
        (response) => this.#onResponse(flights, response),
        (error: Error) => this.#onLost(flights, error),
      )
      .finally(() => this.#landed(leader));
  }

  #landed(leader: number): void {
    this.#inFlight.set(leader, (this.#inFlight.get(leader) ?? 1) - 1);
    this.wake();
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
    this.#leaders.onDelivered();
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
    if (isStaleMetadata(error) && !isMoved) this.#leaders.refresh(new Set([queue.topic]));
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
    if (canRetry) this.#leaders.refresh(new Set(flights.map(({ queue }) => queue.topic)));
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
}

function isSequenceError(name: string): boolean {
  return name === "OUT_OF_ORDER_SEQUENCE_NUMBER" || name === "UNKNOWN_PRODUCER_ID";
}
