import type { Cluster } from "../cluster.ts";
import { ClosedError } from "../errors.ts";
import { untilAborted } from "../transport/brokers.ts";
import { Accumulator } from "./accumulator.ts";
import { type ProducerOptions, resolveProducerOptions } from "./options.ts";
import type { Delivery, ProducerRecord } from "./record.ts";
import { Sender } from "./sender.ts";
import { ManyTicket, SingleTicket } from "./ticket.ts";

export interface SendOptions {
  /** Stops waiting for the outcome; the records are sent all the same. */
  readonly signal?: AbortSignal;
}

/**
 * Sends records in batches. Order is kept per partition, and with the default settings nothing is written twice, whatever has to be
 * repeated. Three ways in, which may be mixed:
 *
 *   `send`      one record, one promise of where it ended up
 *   `sendMany`  many records, one promise; the cheap way for those who have many at hand
 *   `enqueue`   one record, no promise; failures are thrown by the next `flush`
 */
export class Producer {
  readonly #sender: Sender;
  readonly #accumulator: Accumulator;
  readonly #onClose: () => void;
  #isClosed = false;
  #failure: Error | null = null;

  constructor(cluster: Cluster, options: ProducerOptions, onClose: () => void) {
    const resolved = resolveProducerOptions(options);
    this.#onClose = onClose;
    this.#sender = new Sender(
      cluster,
      resolved,
      {
        onRelease: (bytes) => this.#accumulator.release(bytes),
        onUnwatchedFailure: (error) => {
          this.#failure ??= error;
        },
      },
      null,
    );
    this.#accumulator = new Accumulator(cluster, resolved, this.#sender, false);
    this.#accumulator.onUnwatchedFailure = (error) => {
      this.#failure ??= error;
    };
  }

  /**
   * Sends one record. When the buffer is full it waits for room.
   * @throws {DeliveryTimeoutError} {@link BrokerError} {@link RecordTooLargeError} {@link ClosedError}
   */
  send(record: ProducerRecord, options?: SendOptions): Promise<Delivery> {
    if (this.#isClosed) return Promise.reject(new ClosedError("the producer"));
    const outcome = new Promise<Delivery>((resolve, reject) => {
      this.#accumulator.add(record, new SingleTicket(resolve, reject), 0);
    });
    return options?.signal === undefined ? outcome : untilAborted(outcome, options.signal);
  }

  /** Sends many records; resolves with their deliveries in order when all are delivered, rejects as soon as one is not. */
  sendMany(
    records: readonly ProducerRecord[],
    options?: SendOptions,
  ): Promise<readonly Delivery[]> {
    if (this.#isClosed) return Promise.reject(new ClosedError("the producer"));
    if (records.length === 0) return Promise.resolve([]);
    const outcome = new Promise<readonly Delivery[]>((resolve, reject) => {
      const ticket = new ManyTicket(records.length, resolve, reject);
      for (let i = 0; i < records.length; i++) this.#accumulator.add(records[i]!, ticket, i);
    });
    return options?.signal === undefined ? outcome : untilAborted(outcome, options.signal);
  }

  /**
   * Takes a record without a promise. False means that the buffer is full: await {@link flush} or {@link ready} before the next one.
   * @throws {ClosedError}
   */
  enqueue(record: ProducerRecord): boolean {
    if (this.#isClosed) throw new ClosedError("the producer");
    this.#accumulator.add(record, null, 0);
    return this.#accumulator.hasRoom;
  }

  /** Resolves when there is room for more records. */
  async ready(): Promise<void> {
    await this.#accumulator.room();
  }

  /**
   * Sends everything at once and resolves when it is delivered.
   * @throws the first failure since the last flush of a record that was enqueued
   */
  async flush(options?: SendOptions): Promise<void> {
    const release = this.#sender.holdFlush();
    try {
      const drained = this.#accumulator.drained();
      await (options?.signal === undefined ? drained : untilAborted(drained, options.signal));
    } finally {
      release();
    }
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** Delivers what was taken, then ends. @throws what {@link flush} does */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.flush();
    } finally {
      this.#sender.stop(new ClosedError("the producer"));
      this.#onClose();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
