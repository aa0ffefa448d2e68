import type { Api, RequestInput, ResponseOf } from "@ottla/protocol";
import { Admin } from "./admin/admin.ts";
import { type CallOptions, Cluster } from "./cluster.ts";
import { Consumer } from "./consumer/consumer.ts";
import type { ConsumerOptions } from "./consumer/options.ts";
import { type ClientOptions, resolveOptions } from "./options.ts";
import type { ProducerOptions } from "./producer/options.ts";
import { Producer } from "./producer/producer.ts";
import {
  TransactionalProducer,
  type TransactionalProducerOptions,
} from "./producer/transactional-producer.ts";
import type { ShareConsumerOptions } from "./share/options.ts";
import { ShareConsumer } from "./share/share-consumer.ts";

/**
 * The way into a cluster. Connections are opened when they are first needed; everything made from a client shares what it learnt about
 * the cluster and ends with it.
 */
export class Client {
  readonly #cluster: Cluster;
  readonly #admin: Admin;
  readonly #children = new Set<{ close(): Promise<void> }>();

  /** @throws {UsageError} for addresses that do not parse; nothing is connected yet */
  constructor(options: ClientOptions) {
    this.#cluster = new Cluster(resolveOptions(options));
    this.#admin = new Admin(this.#cluster);
  }

  /** A producer, which ends with the client at the latest. @throws {UsageError} for settings that contradict each other */
  producer(options: ProducerOptions = {}): Producer {
    const producer: Producer = new Producer(this.#cluster, options, () =>
      this.#children.delete(producer),
    );
    this.#children.add(producer);
    return producer;
  }

  /** A producer of transactions, which ends with the client at the latest. */
  transactionalProducer(options: TransactionalProducerOptions): TransactionalProducer {
    const producer: TransactionalProducer = new TransactionalProducer(this.#cluster, options, () =>
      this.#children.delete(producer),
    );
    this.#children.add(producer);
    return producer;
  }

  /** A consumer, which ends with the client at the latest. */
  consumer(options: ConsumerOptions = {}): Consumer {
    const consumer: Consumer = new Consumer(this.#cluster, options, () =>
      this.#children.delete(consumer),
    );
    this.#children.add(consumer);
    return consumer;
  }

  /** A consumer in a share group, which ends with the client at the latest. */
  shareConsumer(options: ShareConsumerOptions): ShareConsumer {
    const consumer: ShareConsumer = new ShareConsumer(this.#cluster, options, () =>
      this.#children.delete(consumer),
    );
    this.#children.add(consumer);
    return consumer;
  }

  get admin(): Admin {
    return this.#admin;
  }

  /**
   * Sends one request as it is, in the newest version both sides speak, to `broker` or to any. Nothing is retried and error codes in
   * the response are the caller's. @throws {UnsupportedError} {@link ConnectionError} {@link TimeoutError}
   */
  async request<A extends Api>(
    api: A,
    body: RequestInput<A>,
    options: CallOptions & {
      readonly broker?: number;
      readonly min?: number;
      readonly max?: number;
    } = {},
  ): Promise<ResponseOf<A>> {
    const { broker, signal, timeoutMs, ...bounds } = options;
    const connection = await this.#connection(broker, signal);
    return await connection.request(api, body, {
      ...bounds,
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  }

  /** Closes everything made from this client and its connections, after what is in flight. */
  async close(): Promise<void> {
    try {
      await Promise.all([...this.#children].map((child) => child.close()));
    } finally {
      await this.#cluster.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #connection(broker: number | undefined, signal: AbortSignal | undefined) {
    const { brokers, metadata } = this.#cluster;
    if (broker === undefined) return await brokers.any(signal);
    if (!brokers.has(broker)) await metadata.refresh([], signal);
    return await brokers.connection(broker, "admin", signal);
  }
}
