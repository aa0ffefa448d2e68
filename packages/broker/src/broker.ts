/** Puts a broker together: storage, metadata, coordinators, listeners; and takes it apart in the opposite order. */
import { resolve } from "node:path";
import { type CleanerOptions, LocalLogEngine } from "@ottla/log";
import { BrokerConfig, EmbeddedMetadataStore, InvalidConfig, newUuid } from "@ottla/metadata";
import {
  BufferPool,
  type Clock,
  type FileSystem,
  MemoryFileSystem,
  NodeFileSystem,
  SystemClock,
  SystemRandom,
} from "@ottla/platform";
import type { Broker, BrokerOptions } from "./broker-options.ts";
import { Cluster, type Endpoint, type LogicalBroker } from "./cluster.ts";
import {
  BrokerLimits,
  isBetweenBrokers,
  listenerLimits,
  rateWindows,
} from "./connection-limits.ts";
import { Coordination } from "./coordination.ts";
import {
  claimDirectory,
  type DirectoryIdentity,
  ForeignDirectory,
  readIdentity,
  writeIdentity,
} from "./data-directory.ts";
import { Dispatcher } from "./dispatcher.ts";
import { DynamicConfig } from "./dynamic-config.ts";
import { DEFAULT_LEVELS } from "./features.ts";
import { FetchSessionCache } from "./fetch-sessions.ts";
import { handlers } from "./handlers/index.ts";
import { LargeAnswers } from "./large-answers.ts";
import {
  advertisedHost,
  advertisedListeners,
  clientListeners,
  isAnyAddress,
} from "./listener-config.ts";
import { BrokerMetrics } from "./metrics/broker-metrics.ts";
import type { MetricsServer } from "./metrics/metrics-server.ts";
import { Admission } from "./network/admission.ts";
import type { ConnectionLimits } from "./network/connection.ts";
import { EARNEST_BYTES } from "./network/frame-reader.ts";
import { Listener } from "./network/listener.ts";
import { MemoryBudget } from "./network/memory-budget.ts";
import type { Services } from "./services.ts";
import { TopicService } from "./topic-service.ts";
import { Turnstile } from "./turnstile.ts";

/** Requests in flight, all connections together, unless `queued.max.request.bytes` says otherwise. */
const DEFAULT_REQUEST_BYTES = 128 * 1_048_576;
/** What small requests may take on top of that, as a fraction of it. */
const RESERVE_FRACTION = 8;
/** Memory of requests that is kept for the next ones. */
const KEPT_REQUEST_BYTES = 16_777_216;
const DRAIN_TIMEOUT_MS = 5_000;
const MEMORY_DIRECTORY = "/ottla";
const DEFAULT_DATA_DIRECTORY = "./ottla-data";
const DEFAULT_NODE_ID = "1";

/**
 * Starts a broker and resolves when it accepts connections. Without options it listens on a port that the operating system picks on 127.0.0.1 and
 * keeps its data in `./ottla-data`.
 * @throws {InvalidConfig} {DirectoryInUse} {ForeignDirectory}, or the operating system's error for a port that is taken.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const clock = options.clock ?? new SystemClock();
  const startedAtMs = clock.monotonic();
  const starting = new RunningBroker(options, clock);
  try {
    await starting.start();
  } catch (cause) {
    await starting.close();
    throw cause;
  }
  starting.startedInMs = clock.monotonic() - startedAtMs;
  return starting;
}

class RunningBroker implements Broker {
  startedInMs = 0;
  ports: readonly number[] = [];
  clusterId = "";
  metricsPort: number | null = null;
  readonly dataDirectory: string | null;
  readonly #options: BrokerOptions;
  readonly #clock: Clock;
  readonly #configs: readonly BrokerConfig[];
  readonly #directory: string;
  readonly #fileSystem: FileSystem;
  readonly #listeners: Listener[] = [];
  /** Of each logical broker. */
  readonly #admissions: { readonly admission: Admission; readonly limits: BrokerLimits }[] = [];
  /** What to undo, last started first. */
  readonly #closers: (() => Promise<void>)[] = [];
  #closing: Promise<void> | null = null;

  constructor(options: BrokerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#configs = resolveConfigs(options);
    const inMemory = options.storage === "memory";
    this.#directory = inMemory ? MEMORY_DIRECTORY : dataDirectoryOf(this.#configs[0]!);
    this.dataDirectory = inMemory ? null : this.#directory;
    this.#fileSystem =
      options.fileSystem ?? (inMemory ? new MemoryFileSystem() : new NodeFileSystem());
  }

  get port(): number {
    return this.ports[0]!;
  }

  get bootstrap(): string {
    const addresses = this.ports.map((port, index) => {
      const host = advertisedHost(clientListeners(this.#configs[index]!)[0]!);
      return `${host.includes(":") ? `[${host}]` : host}:${port}`;
    });
    return addresses.join(",");
  }

  async start(): Promise<void> {
    const options = this.#options;
    const config = this.#configs[0]!;
    const clock = this.#clock;
    const random = options.random ?? new SystemRandom();
    for (const warning of config.warnings) options.report?.(warning);
    const lock = await claimDirectory(this.#fileSystem, this.#directory);
    this.#closers.push(() => lock.release());
    const identity = await readIdentity(this.#fileSystem, this.#directory);
    if (identity !== null) this.#checkIdentity(identity);

    const metrics = new BrokerMetrics({ clock, handlers, report: options.report ?? (() => {}) });
    this.#closers.push(async () => metrics.close());
    let current = () => config;
    const engine = await LocalLogEngine.open({
      fileSystem: this.#fileSystem,
      directory: this.#directory,
      clock,
      random,
      probe: metrics.log,
      retentionCheckMs: config.number("log.retention.check.interval.ms"),
      producerExpirationMs: config.number("producer.id.expiration.ms"),
      replicas: this.#configs.length,
      cleaner: cleanerOptions(() => current()),
      ...options.log,
    });
    this.#closers.push(() => engine.close());
    const givenClusterId = identity?.clusterId ?? config.given.get("cluster.id");
    const store = await EmbeddedMetadataStore.open({
      engine,
      fileSystem: this.#fileSystem,
      directory: this.#directory,
      clock,
      random,
      features: DEFAULT_LEVELS,
      ...(givenClusterId === undefined ? {} : { clusterId: givenClusterId }),
      onSnapshotFailure: (error) => options.report?.(`metadata snapshot failed: ${error.message}`),
    });
    this.#closers.push(() => store.close());
    this.clusterId = store.image.clusterId;
    const nodeId = config.number("node.id");
    if (identity === null) {
      const directoryId = newUuid(random);
      const { clusterId } = this;
      await writeIdentity(this.#fileSystem, this.#directory, { clusterId, nodeId, directoryId });
    } else if (identity.clusterId !== this.clusterId) {
      throw new ForeignDirectory(
        `${this.#directory} says cluster ${identity.clusterId}, its metadata ${this.clusterId}`,
      );
    }

    const brokers: LogicalBroker[] = this.#configs.map((own) => ({
      id: own.number("node.id"),
      rack: own.text("broker.rack"),
      endpoints: new Map<string, Endpoint>(),
    }));
    const cluster = new Cluster(brokers);
    const dynamic = new DynamicConfig(
      new Map(this.#configs.map((own) => [own.number("node.id"), own])),
      store,
    );
    current = () => dynamic.broker(brokers[0]!.id);
    const topics = new TopicService(store, engine, cluster, dynamic);
    topics.openAll();
    const coordination = new Coordination({
      engine,
      store,
      topics,
      clock,
      random,
      config,
      groupProbe: metrics.groups,
      transactionProbe: metrics.transactions,
    });
    const { groups, transactions, markers, producerIds } = coordination;
    this.#closers.push(() => coordination.close());
    topics.onDeleted((deleted) => {
      for (const { name } of deleted) metrics.forgetTopic(name);
      return groups.onTopicsDeleted(deleted);
    });
    const services: Services = {
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
      fetchSessions: new FetchSessionCache(
        config.number("max.incremental.fetch.session.cache.slots"),
        clock,
        random,
      ),
      probe: metrics.server,
      handlers,
      logDirectory: this.#directory,
      config: (brokerId) => dynamic.broker(brokerId),
      brokerConfigsChanged: () => {
        topics.defaultsChanged();
        this.#connectionLimitsChanged();
      },
    };
    metrics.observe(services, this.#listeners);
    coordination.load().catch((cause: unknown) => {
      options.report?.(`coordinators: ${String(cause)}`);
    });
    await this.#listen(brokers, services);
    if (options.metricsPort !== undefined && options.metricsPort !== null) {
      await this.#serveMetrics(metrics, options.metricsPort);
    }
    engine.removeUnknownTopics().catch((cause: unknown) => {
      options.report?.(`files of deleted topics stay: ${String(cause)}`);
    });
  }

  /** As in Kafka, a directory is that of one node in one cluster. @throws {ForeignDirectory} */
  #checkIdentity({ nodeId, clusterId }: DirectoryIdentity): void {
    const config = this.#configs[0]!;
    const refuse = (key: string, stored: string | number, configured: string | number) => {
      if (stored === configured) return;
      throw new ForeignDirectory(
        `${this.#directory} belongs to ${key} ${stored}; configured is ${configured}`,
      );
    };
    refuse("node.id", nodeId, config.number("node.id"));
    refuse("cluster.id", clusterId, config.given.get("cluster.id") ?? clusterId);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const close of this.#closers.toReversed()) {
      try {
        await close();
      } catch (cause) {
        this.#options.report?.(`while closing: ${String(cause)}`);
      }
    }
  }

  async #listen(brokers: readonly LogicalBroker[], services: Services): Promise<void> {
    const ports: number[] = [];
    const capacity = requestBytes(this.#configs[0]!);
    const budget = new MemoryBudget(capacity, {
      smallBytes: EARNEST_BYTES,
      reserveBytes: capacity / RESERVE_FRACTION,
    });
    const pool = new BufferPool(KEPT_REQUEST_BYTES);
    // Waiting joins and fetches are answered before connections are drained, so that clients learn at once.
    this.#closers.push(() => this.#drain(services));
    for (const [index, broker] of brokers.entries()) {
      const config = this.#configs[index]!;
      const current = () => services.config(broker.id);
      const advertised = advertisedListeners(config);
      const brokerLimits = new BrokerLimits(current);
      try {
        await brokerLimits.refresh();
      } catch (cause) {
        // What was altered at run time must not keep the broker from starting: who would take it back?
        if (!brokerLimits.isDynamic) throw cause;
        this.#options.report?.((cause as Error).message);
      }
      const admission = new Admission(brokerLimits, rateWindows(config), this.#clock);
      this.#admissions.push({ admission, limits: brokerLimits });
      const limits: ConnectionLimits = {
        maxFrameBytes: config.number("socket.request.max.bytes"),
        budget,
        pool,
      };
      const endpoints = broker.endpoints as Map<string, Endpoint>;
      for (const listenerConfig of clientListeners(config)) {
        const { name, host, port } = listenerConfig;
        const listener = new Listener({
          name,
          host,
          port,
          limits,
          maxIdleMs: config.number("connections.max.idle.ms"),
          admission,
          admissionLimits: listenerLimits(current, name),
          isBetweenBrokers: isBetweenBrokers(config, name),
          clock: this.#clock,
          server: new Dispatcher(handlers, broker, services),
          probe: services.probe,
        });
        this.#listeners.push(listener);
        await listener.listen();
        const shown = advertised.get(name);
        if (shown === undefined && isAnyAddress(host)) {
          this.#options.report?.(
            `${name} listens on all addresses and sends clients to 127.0.0.1; set advertised.listeners for those on other machines`,
          );
        }
        endpoints.set(name, {
          listener: name,
          host: shown === undefined ? advertisedHost(listenerConfig) : shown.host,
          port: shown === undefined || shown.port === 0 ? listener.port : shown.port,
        });
      }
      ports.push(endpoints.size === 0 ? 0 : this.#listeners.at(-endpoints.size)!.port);
    }
    this.ports = ports;
    for (const listener of this.#listeners) listener.open();
  }

  #connectionLimitsChanged(): void {
    for (const { admission, limits } of this.#admissions) {
      limits.refresh().catch((cause: Error) => this.#options.report?.(cause.message));
      admission.limitsChanged();
    }
  }

  async #drain(services: Services): Promise<void> {
    for (const listener of this.#listeners) listener.stopAccepting();
    await services.transactions.close();
    await services.groups.close();
    await Promise.all(this.#listeners.map((listener) => listener.drain(DRAIN_TIMEOUT_MS)));
  }

  async #serveMetrics(metrics: BrokerMetrics, port: number): Promise<void> {
    const { MetricsServer } = await import("./metrics/metrics-server.ts");
    const server: MetricsServer = new MetricsServer(metrics, this.#options.host ?? "127.0.0.1");
    this.metricsPort = await server.listen(port);
    this.#closers.push(() => server.close());
  }
}

/** One configuration per logical broker: ids and ports count up from the first one's. @throws {InvalidConfig} */
function resolveConfigs(options: BrokerOptions): BrokerConfig[] {
  const layers = options.layers ?? [];
  const count = options.brokers ?? 1;
  if (!Number.isInteger(count) || count < 1) {
    throw new InvalidConfig(`There cannot be ${count} brokers.`);
  }
  const flags = new Map<string, string>();
  if (options.dataDirectory !== undefined) flags.set("log.dirs", options.dataDirectory);
  const defaults = new Map([
    ["log.dir", DEFAULT_DATA_DIRECTORY],
    ["node.id", DEFAULT_NODE_ID],
    ["broker.id", DEFAULT_NODE_ID],
    ["listeners", "PLAINTEXT://localhost:0"],
  ]);
  const first = BrokerConfig.resolve({ layers: [flags, ...layers], defaults });
  const firstId = first.number("node.id");
  const listeners = listenerTexts(first, options);
  return Array.from({ length: count }, (_, index) => {
    const own = new Map(flags);
    if (count > 1) own.set("node.id", String(firstId + index));
    if (listeners !== null || count > 1) {
      own.set("listeners", shifted(listeners ?? first.list("listeners"), index).join(","));
    }
    const advertised = first.list("advertised.listeners");
    if (count > 1 && advertised.length > 0) {
      own.set("advertised.listeners", shifted(advertised, index).join(","));
    }
    return BrokerConfig.resolve({ layers: [own, ...layers], defaults });
  });
}

/** The listeners when host or port were said; null to take those of the configuration. */
function listenerTexts(config: BrokerConfig, options: BrokerOptions): readonly string[] | null {
  if (options.port === undefined && options.host === undefined) return null;
  const [first] = clientListeners(config);
  const host = options.host ?? first!.host;
  return [
    `${first!.name}://${host.includes(":") ? `[${host}]` : host}:${options.port ?? first!.port}`,
  ];
}

/** Adds `by` to each port that is not 0. */
function shifted(listeners: readonly string[], by: number): string[] {
  return listeners.map((text) =>
    text.replace(/:(\d+)$/, (_, port: string) => `:${port === "0" ? 0 : Number(port) + by}`),
  );
}

function dataDirectoryOf(config: BrokerConfig): string {
  const directories = config.list("log.dirs");
  const all = directories.length > 0 ? directories : config.list("log.dir");
  if (all.length > 1) {
    throw new InvalidConfig("log.dirs names several directories; this broker keeps one.");
  }
  return resolve(all[0] ?? DEFAULT_DATA_DIRECTORY);
}

/** The cleaner asks for each when it matters, so a change acts at once; only `log.cleaner.enable` is fixed, as in Kafka. */
function cleanerOptions(current: () => BrokerConfig): CleanerOptions {
  return {
    isEnabled: current().boolean("log.cleaner.enable"),
    get dedupeBufferBytes() {
      return current().number("log.cleaner.dedupe.buffer.size");
    },
    get ioBufferBytes() {
      return current().number("log.cleaner.io.buffer.size");
    },
    get ioMaxBytesPerSecond() {
      const rate = current().number("log.cleaner.io.max.bytes.per.second");
      return rate === Number.MAX_VALUE ? Number.POSITIVE_INFINITY : rate;
    },
    get backoffMs() {
      return current().number("log.cleaner.backoff.ms");
    },
  };
}

function requestBytes(config: BrokerConfig): number {
  const configured = config.number("queued.max.request.bytes");
  return configured > 0 ? configured : DEFAULT_REQUEST_BYTES;
}
