/**
 * Transactions as an explicit state machine:
 *
 *     new ──init──▶ ready ──begin──▶ open ──commit/abort──▶ ending ──▶ ready
 *                                      │                      │
 *                                      └──── fenced, … ───────┴──▶ failed
 *
 * An error of one record or offset makes the open transaction fit for abort only: `commit` then throws it. A fatal one (another producer
 * took the transactional id over) ends the producer.
 */

import type { Clock } from "@ottla/platform";
import type { OffsetToCommit } from "../admin/offsets.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import {
  ClosedError,
  FencedError,
  TimeoutError,
  TransactionAbortedError,
  UsageError,
} from "../errors.ts";
import type { GroupMetadata } from "../group/membership.ts";
import { untilAborted } from "../transport/brokers.ts";
import { Accumulator } from "./accumulator.ts";
import { type ProducerOptions, resolveProducerOptions } from "./options.ts";
import type { Delivery, ProducerRecord } from "./record.ts";
import { Sender } from "./sender.ts";
import { ManyTicket, SingleTicket } from "./ticket.ts";
import { TransactionCoordinator } from "./transaction-coordinator.ts";

export interface TransactionalProducerOptions
  extends Omit<ProducerOptions, "acks" | "isIdempotent"> {
  /** Names this producer over restarts; at most one with the name is alive, the newest. */
  readonly transactionalId: string;
  /** After this long the coordinator aborts an open transaction. Default: 60,000. */
  readonly transactionTimeoutMs?: number;
}

export type TransactionalProducerState = "new" | "ready" | "open" | "ending" | "failed" | "closed";

export class TransactionalProducer {
  readonly #clock: Clock;
  readonly #coordinator: TransactionCoordinator;
  readonly #sender: Sender;
  readonly #accumulator: Accumulator;
  readonly #onClose: () => void;
  #state: TransactionalProducerState = "new";
  #open: Transaction | null = null;

  constructor(cluster: Cluster, options: TransactionalProducerOptions, onClose: () => void) {
    if (options.transactionalId === "") throw new UsageError("transactionalId is empty");
    const { transactionalId, transactionTimeoutMs, ...rest } = options;
    const resolved = resolveProducerOptions({ ...rest, acks: "all", isIdempotent: true });
    this.#clock = cluster.options.clock;
    this.#onClose = onClose;
    this.#coordinator = new TransactionCoordinator(
      cluster,
      transactionalId,
      transactionTimeoutMs ?? 60_000,
    );
    const onUnwatchedFailure = (error: Error) => this.#coordinator.onFailure(error);
    this.#sender = new Sender(
      cluster,
      resolved,
      { onRelease: (bytes) => this.#accumulator.release(bytes), onUnwatchedFailure },
      this.#coordinator,
    );
    this.#coordinator.onAdmitted = () => {
      const { failure } = this.#coordinator;
      if (failure !== null) this.#sender.failWaiting(failure);
      this.#sender.wake();
    };
    this.#accumulator = new Accumulator(cluster, resolved, this.#sender, true);
    this.#accumulator.onUnwatchedFailure = onUnwatchedFailure;
  }

  get state(): TransactionalProducerState {
    return this.#coordinator.fatal !== null && this.#state !== "closed" ? "failed" : this.#state;
  }

  /**
   * Takes the transactional id over: a former producer with it is fenced and its open transaction aborted. Called by the first `begin`
   * if it was not before.
   */
  async init(options: CallOptions = {}): Promise<void> {
    if (this.#state !== "new") throw new UsageError(`init in state ${this.state}`);
    await this.#coordinator.init(options);
    this.#state = "ready";
  }

  /** Opens a transaction; there is one at a time. @throws {UsageError} while another one is open {@link FencedError} */
  async begin(options: CallOptions = {}): Promise<Transaction> {
    if (this.#state === "new") await this.init(options);
    if (this.#coordinator.fatal !== null) throw this.#coordinator.fatal;
    if (this.#state !== "ready") throw new UsageError(`begin in state ${this.state}`);
    this.#state = "open";
    this.#open = new Transaction({
      add: (record, ticket, index) => this.#accumulator.add(record, ticket, index),
      ready: () => this.#accumulator.room(),
      hasRoom: () => this.#accumulator.hasRoom,
      failure: () => this.#coordinator.failure,
      sendOffsets: (offsets, group, call) => this.#coordinator.sendOffsets(offsets, group, call),
      end: (isCommit, call) => this.#end(isCommit, call),
    });
    return this.#open;
  }

  /** Aborts an open transaction and ends. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    try {
      if (this.#open !== null && this.#coordinator.fatal === null) await this.#open.abort();
    } finally {
      this.#state = "closed";
      this.#sender.stop(new ClosedError("the producer"));
      this.#accumulator.failWaiting(new ClosedError("the producer"));
      this.#onClose();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #end(isCommit: boolean, options: CallOptions): Promise<void> {
    const { fatal } = this.#coordinator;
    if (fatal !== null) {
      // Whoever took over has aborted it: there is nothing left to do, but a commit must not look like a success.
      if (isCommit || !(fatal instanceof FencedError)) throw fatal;
      this.#open = null;
      return;
    }
    this.#state = "ending";
    const release = this.#sender.holdFlush();
    let endAbandon = () => {};
    try {
      if (!isCommit) {
        const error = new TransactionAbortedError(this.#coordinator.failure ?? undefined);
        this.#accumulator.failWaiting(error);
        const { hasGap, end } = this.#sender.abandon(error);
        endAbandon = end;
        if (hasGap) this.#coordinator.onFailure(error);
      }
      await this.#drained(options);
      const failure = this.#coordinator.failure;
      if (isCommit && failure !== null) {
        this.#state = "open";
        throw failure;
      }
      await this.#coordinator.end(isCommit, options);
      this.#open = null;
      this.#state = "ready";
    } finally {
      release();
      endAbandon();
      if (this.#state === "ending") this.#state = "open";
    }
  }

  /** Waits for what was sent, as long as the caller wants to and at most until deliveries time out. */
  async #drained({ signal, timeoutMs }: CallOptions): Promise<void> {
    const drained = this.#accumulator.drained();
    if (timeoutMs === undefined) {
      await (signal === undefined ? drained : untilAborted(drained, signal));
      return;
    }
    const late = new AbortController();
    const error = new TimeoutError("delivery of the transaction's records", timeoutMs);
    const cancel = this.#clock.schedule(timeoutMs, () => late.abort(error));
    try {
      const either = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
      await untilAborted(drained, either);
    } finally {
      cancel();
    }
  }
}

interface TransactionWork {
  add(record: ProducerRecord, ticket: SingleTicket | ManyTicket | null, index: number): void;
  ready(): Promise<void>;
  hasRoom(): boolean;
  failure(): Error | null;
  sendOffsets(
    offsets: readonly OffsetToCommit[],
    group: GroupMetadata,
    options: CallOptions,
  ): Promise<void>;
  end(isCommit: boolean, options: CallOptions): Promise<void>;
}

/** An open transaction: records and offsets that take effect together or not at all. Disposing of it without a commit aborts it. */
export class Transaction {
  readonly #work: TransactionWork;
  #isOver = false;

  constructor(work: TransactionWork) {
    this.#work = work;
  }

  /** Whether neither commit nor abort has succeeded. */
  get isOpen(): boolean {
    return !this.#isOver;
  }

  /** Sends one record; resolves when it is in the log, which readers of committed records see after the commit. */
  send(record: ProducerRecord): Promise<Delivery> {
    if (this.#isOver) return Promise.reject(over());
    const failure = this.#work.failure();
    if (failure !== null) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      this.#work.add(record, new SingleTicket(resolve, reject), 0);
    });
  }

  sendMany(records: readonly ProducerRecord[]): Promise<readonly Delivery[]> {
    if (this.#isOver) return Promise.reject(over());
    const failure = this.#work.failure();
    if (failure !== null) return Promise.reject(failure);
    if (records.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const ticket = new ManyTicket(records.length, resolve, reject);
      for (let i = 0; i < records.length; i++) this.#work.add(records[i]!, ticket, i);
    });
  }

  /** Takes a record without a promise; a failure is thrown by `commit`. False means that the buffer is full: await {@link ready}. */
  enqueue(record: ProducerRecord): boolean {
    if (this.#isOver) throw over();
    const failure = this.#work.failure();
    if (failure !== null) throw failure;
    this.#work.add(record, null, 0);
    return this.#work.hasRoom();
  }

  /** Resolves when there is room for more records. */
  ready(): Promise<void> {
    return this.#work.ready();
  }

  /**
   * Commits offsets of a group with the transaction. `group` is the consumer's `groupMetadata`, taken when its records were, so that a
   * member that lost its partitions meanwhile is refused.
   */
  async sendOffsets(
    offsets: readonly OffsetToCommit[],
    group: GroupMetadata,
    options: CallOptions = {},
  ): Promise<void> {
    if (this.#isOver) throw over();
    await this.#work.sendOffsets(offsets, group, options);
  }

  /**
   * Delivers what was sent and makes it visible.
   * @throws the first error of a record or offset, after which only `abort` is left; {@link FencedError}
   */
  async commit(options: CallOptions = {}): Promise<void> {
    if (this.#isOver) throw over();
    await this.#work.end(true, options);
    this.#isOver = true;
  }

  /** Drops what was not sent yet and makes sure that nothing becomes visible. Once it is over, it does nothing. */
  async abort(options: CallOptions = {}): Promise<void> {
    if (this.#isOver) return;
    await this.#work.end(false, options);
    this.#isOver = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }
}

function over(): UsageError {
  return new UsageError("the transaction is over");
}
