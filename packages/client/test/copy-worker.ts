/**
 * A member of a group that copies one topic to another in transactions, as an application would do it: offsets go with the records, whatever
 * fails is aborted and read again from what is committed, and when that fails too everything is made anew.
 */
import {
  BrokerError,
  Client,
  ClientError,
  type Consumer,
  FencedError,
  isRetriable,
  type PartitionRecords,
  TransactionAbortedError,
  type TransactionalProducer,
} from "@ottla/client";
import { FaultProxy, type FaultRates, type Random } from "./fault-proxy.ts";

export interface CopyJob {
  readonly from: string;
  readonly to: string;
  readonly groupId: string;
  readonly groupProtocol: "classic" | "consumer";
}

export interface CopyWorkerOptions {
  readonly job: CopyJob;
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly port: number;
  readonly random: Random;
  readonly rates: FaultRates;
}

/** Errors that a job goes on after, by another transaction or another incarnation. */
const SURVIVABLE: ReadonlySet<string> = new Set([
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "STALE_MEMBER_EPOCH",
  "FENCED_MEMBER_EPOCH",
  "REBALANCE_IN_PROGRESS",
  "INVALID_TXN_STATE",
  "INVALID_PRODUCER_ID_MAPPING",
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
]);

/** The share of transactions that are aborted for no reason. */
const ABORTS = 0.15;

export class CopyWorker {
  readonly proxy: FaultProxy;
  readonly #options: CopyWorkerOptions;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  /** What a job should never meet. */
  failure: unknown = null;
  commits = 0;
  aborts = 0;
  /** What it did meet, by name. */
  readonly met = new Map<string, number>();

  /** Where it stands. */
  describe: () => string = () => "not begun";

  private constructor(proxy: FaultProxy, options: CopyWorkerOptions) {
    this.proxy = proxy;
    this.#options = options;
    this.#done = this.#run();
  }

  static async start(options: CopyWorkerOptions): Promise<CopyWorker> {
    const proxy = await FaultProxy.start(options.port, options.random, options.rates);
    return new CopyWorker(proxy, options);
  }

  /** Nothing of it reaches the broker any more. Resolves when its remains are gone. */
  async kill(): Promise<void> {
    this.proxy.cut();
    this.#abort.abort();
    await this.#done;
    await this.proxy[Symbol.asyncDispose]();
  }

  /** Ends after the transaction under way. */
  async stop(): Promise<void> {
    this.proxy.rates = null;
    this.#abort.abort();
    await this.#done;
    await this.proxy[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted && this.failure === null) {
      const client = new Client({
        bootstrapServers: `127.0.0.1:${this.#options.port}`,
        dial: this.proxy.dial,
        callTimeoutMs: 3_000,
        requestTimeoutMs: 3_000,
        retryBackoffMs: 5,
        retryBackoffMaxMs: 50,
      });
      try {
        await this.#copy(client);
      } catch (error) {
        this.#note(error);
      }
      await client.close().catch((error: unknown) => this.#note(error));
    }
  }

  async #copy(client: Client): Promise<void> {
    const { job, transactionalId, transactionTimeoutMs, random } = this.#options;
    const { signal } = this.#abort;
    const consumer = client.consumer({
      groupId: job.groupId,
      groupProtocol: job.groupProtocol,
      autoOffsetReset: "earliest",
      isolationLevel: "read_committed",
      partitionMaxBytes: 400,
      fetchMaxWaitMs: 50,
      ...(job.groupProtocol === "classic"
        ? { heartbeatIntervalMs: 100, sessionTimeoutMs: 1_000 }
        : {}),
    });
    const producer = client.transactionalProducer({ transactionalId, transactionTimeoutMs });
    consumer.subscribe([job.from]);
    this.describe = () => {
      const positions = consumer.assignment.map((each) => [
        each.partition,
        consumer.position(each),
      ]);
      return JSON.stringify([transactionalId, positions, consumer.groupMetadata, producer.state]);
    };
    while (!signal.aborted) {
      const polled = await consumer.poll({ timeoutMs: 500, maxBytes: 1, signal });
      if (polled.length === 0) continue;
      try {
        await this.#transact(consumer, producer, polled, random() < ABORTS);
        // The transaction is over, one way or the other: nobody looks at what was read any more.
        for (const batch of polled) batch.release();
      } catch (error) {
        this.#note(error);
        // An abort that failed leaves the transaction open: the next incarnation ends it.
        if (producer.state !== "ready" || signal.aborted) return;
        this.#rewind(consumer);
      }
    }
  }

  async #transact(
    consumer: Consumer,
    producer: TransactionalProducer,
    polled: readonly PartitionRecords[],
    isToAbort: boolean,
  ): Promise<void> {
    const group = consumer.groupMetadata;
    await using transaction = await producer.begin();
    for (const batch of polled) {
      for (const { key, value } of batch) {
        transaction.enqueue({ topic: this.#options.job.to, key, value });
      }
    }
    await transaction.sendOffsets(
      polled.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: nextOffset })),
      group,
    );
    if (isToAbort) {
      await transaction.abort();
      this.#rewind(consumer);
      this.aborts++;
    } else {
      await transaction.commit({ signal: this.#abort.signal });
      this.commits++;
    }
  }

  /** What is committed is where to go on, whatever became of the last transaction. */
  #rewind(consumer: Consumer): void {
    for (const partition of consumer.assignment) consumer.seek(partition, -1);
  }

  #note(error: unknown): void {
    const errors = error instanceof SuppressedError ? [error.error, error.suppressed] : [error];
    for (const each of errors) {
      if (each instanceof DOMException && each.name === "AbortError") continue;
      const name = each instanceof BrokerError ? each.error : String((each as Error)?.name);
      this.met.set(name, (this.met.get(name) ?? 0) + 1);
      if (!isSurvivable(each) && !this.#abort.signal.aborted) this.failure ??= each;
    }
  }
}

function isSurvivable(error: unknown): boolean {
  if (!(error instanceof ClientError)) return false;
  if (error instanceof BrokerError && SURVIVABLE.has(error.error)) return true;
  return (
    isRetriable(error) || error instanceof FencedError || error instanceof TransactionAbortedError
  );
}
