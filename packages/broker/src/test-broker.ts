/** A broker for unit tests: everything behind the socket, on a file system in memory. Requests go in and answers come out as bytes. */
import { LocalLogEngine, type LocalLogOptions } from "@ottla/log";
import { BrokerConfig, EmbeddedMetadataStore } from "@ottla/metadata";
import {
  type Clock,
  type FileSystem,
  MemoryFileSystem,
  type Random,
  SeededRandom,
  SystemClock,
} from "@ottla/platform";
import {
  type Api,
  decodeResponse,
  encodeRequest,
  type RequestInput,
  type ResponseOf,
} from "@ottla/protocol";
import { Cluster, type LogicalBroker } from "./cluster.ts";
import { Coordination } from "./coordination.ts";
import { Dispatcher } from "./dispatcher.ts";
import { DynamicConfig } from "./dynamic-config.ts";
import { DEFAULT_LEVELS } from "./features.ts";
import { FetchSessionCache } from "./fetch-sessions.ts";
import type { Client, Handler } from "./handler.ts";
import { handlers } from "./handlers/index.ts";
import { LargeAnswers } from "./large-answers.ts";
import type { FailedRequest, ServedRequest } from "./metrics/probe.ts";
import type { Services } from "./services.ts";
import { TopicService } from "./topic-service.ts";
import { Turnstile } from "./turnstile.ts";

const DIRECTORY = "/data";
const SIZE_PREFIX = 4;

const PROPERTIES = {
  listeners: "PLAINTEXT://:9092",
  "offsets.topic.num.partitions": "3",
  "transaction.state.log.num.partitions": "3",
  "group.initial.rebalance.delay.ms": "0",
};

export interface TestBrokerOptions {
  /** Logical brokers, with ids from 1 on. */
  readonly brokers?: number;
  readonly served?: readonly Handler[];
  /** What an earlier one left, to start on; fresh and in memory when left out. */
  readonly fileSystem?: FileSystem;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Partial<LocalLogOptions>;
}

export class TestBroker implements AsyncDisposable {
  readonly services: Services;
  readonly served: ServedRequest[] = [];
  readonly failed: FailedRequest[] = [];
  readonly connection: Client = {
    clientHost: "/127.0.0.1",
    listenerName: "PLAINTEXT",
    clientSoftware: { name: "unknown", version: "unknown" },
    signal: new AbortController().signal,
    lastActiveMs: 0,
    close: () => {},
  };
  readonly #dispatchers: readonly Dispatcher[];
  readonly #close: () => Promise<void>;
  #correlationId = 0;

  private constructor(
    createServices: (probe: Services["probe"]) => Services,
    close: () => Promise<void>,
    served: readonly Handler[],
  ) {
    this.services = createServices({
      connectionOpened: () => {},
      connectionClosed: () => {},
      requestsWaiting: () => {},
      topicProduced: () => {},
      topicFetched: () => {},
      fetchRefused: () => {},
      produceRefused: () => {},
      requestServed: (request) => void this.served.push(request),
      requestFailed: (request) => void this.failed.push(request),
    });
    const { brokers } = this.services.cluster;
    this.#dispatchers = brokers.map(
      (broker) => new Dispatcher(served, broker, this.services, { isStrict: true }),
    );
    this.#close = close;
  }

  static async start(
    properties: Readonly<Record<string, string>> = {},
    options: TestBrokerOptions = {},
  ): Promise<TestBroker> {
    const { brokers: count = 1, served = handlers } = options;
    const clock = options.clock ?? new SystemClock();
    const random = options.random ?? new SeededRandom(1);
    const fileSystem = options.fileSystem ?? new MemoryFileSystem();
    const storage = { fileSystem, directory: DIRECTORY, clock, random };
    const engine = await LocalLogEngine.open({ ...storage, replicas: count, ...options.log });
    const store = await EmbeddedMetadataStore.open({
      engine,
      ...storage,
      features: DEFAULT_LEVELS,
    });
    const brokers: LogicalBroker[] = Array.from({ length: count }, (_, index) => {
      const endpoint = { listener: "PLAINTEXT", host: "127.0.0.1", port: 9092 + index };
      return { id: index + 1, rack: null, endpoints: new Map([[endpoint.listener, endpoint]]) };
    });
    const cluster = new Cluster(brokers);
    const layer = (id: number) =>
      new Map(Object.entries({ ...PROPERTIES, ...properties, "node.id": `${id}` }));
    const dynamic = new DynamicConfig(
      new Map(brokers.map(({ id }) => [id, BrokerConfig.resolve({ layers: [layer(id)] })])),
      store,
    );
    const topics = new TopicService(store, engine, cluster, dynamic);
    topics.openAll();
    const config = dynamic.broker(1);
    const coordination = new Coordination({ engine, store, topics, clock, random, config });
    const { groups, transactions, markers, producerIds } = coordination;
    topics.onDeleted((deleted) => groups.onTopicsDeleted(deleted));
    await coordination.load();
    const createServices = (probe: Services["probe"]): Services => ({
      clock,
      random,
      engine,
      store,
      topics,
      groups,
      cluster,
      transactions,
      markers,
      producerIds,
      turnstile: new Turnstile(),
      largeAnswers: new LargeAnswers(clock),
      fetchSessions: new FetchSessionCache(10, clock, random),
      probe,
      handlers: served,
      logDirectory: DIRECTORY,
      config: (brokerId) => dynamic.broker(brokerId),
      brokerConfigsChanged: () => topics.defaultsChanged(),
    });
    const close = async () => {
      await coordination.close();
      await store.close();
      await engine.close();
    };
    return new TestBroker(createServices, close, served);
  }

  /** The answer of the broker with this id. @throws what closes the connection. */
  async ask<A extends Api>(
    api: A,
    version: number,
    body: RequestInput<A>,
    brokerId = 1,
  ): Promise<ResponseOf<A>> {
    const correlationId = ++this.#correlationId;
    const envelope = { correlationId, clientId: "test" };
    const request = Buffer.concat(encodeRequest(api, version, envelope, body));
    const response = await this.serve(request.subarray(SIZE_PREFIX), brokerId);
    if (response === null) throw new Error("There was no response.");
    return decodeResponse(api, version, response.subarray(SIZE_PREFIX)).body;
  }

  /** What a frame is answered with, its size in front; null for no answer. @throws what closes the connection. */
  async serve(frame: Buffer, brokerId = 1): Promise<Buffer | null> {
    const dispatcher = this.#dispatchers[brokerId - 1]!;
    const response = await dispatcher.serve(this.connection, frame, { onWritten: null });
    return response === null ? null : Buffer.concat(response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
