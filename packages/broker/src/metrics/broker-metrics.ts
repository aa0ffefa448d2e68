/** Counts what the broker's parts tell of themselves, and renders it when somebody scrapes. */
import type { GroupCoordinatorProbe, TransactionCoordinatorProbe } from "@ottla/coordinator";
import type { LogProbe } from "@ottla/log";
import { METADATA_TOPIC_NAME } from "@ottla/metadata";
import type { Clock } from "@ottla/platform";
import type { Handler } from "../handler.ts";
import { CloseConnection } from "../handler.ts";
import { InvalidFrameSize } from "../network/frame-reader.ts";
import { type Listener, StalledFrame } from "../network/listener.ts";
import type { Services } from "../services.ts";
import { CleanerMetrics } from "./cleaner-metrics.ts";
import { Histogram } from "./histogram.ts";
import { kafkaExporterMetrics } from "./kafka-exporter-metrics.ts";
import { kafkaServerMetrics } from "./kafka-server-metrics.ts";
import { limitedReport } from "./limited-report.ts";
import type { FailedRequest, ServedRequest, ServerProbe } from "./probe.ts";
import { ProcessMetrics } from "./process-metrics.ts";
import { PrometheusText } from "./prometheus-text.ts";
import { TransactionMetrics } from "./transaction-metrics.ts";
import { WindowRate } from "./window-rate.ts";

/** Counts of one API. */
export interface ApiCounts {
  readonly name: string;
  readonly byVersion: number[];
  readonly totalMs: Histogram;
  requestBytes: number;
  responseBytes: number;
  failures: number;
  /** Requests that are not answered yet. */
  waiting: number;
}

/** Counts of one topic since the start. */
export interface TopicCounts {
  bytesIn: number;
  messagesIn: number;
  bytesOut: number;
  /** Bytes of batches that were too large. */
  bytesRejected: number;
  produces: number;
  fetches: number;
  /** Partitions of such requests that were refused. */
  failedProduces: number;
  failedFetches: number;
}

export interface BrokerMetricsOptions {
  readonly clock: Clock;
  readonly handlers: readonly Handler[];
  readonly report: (line: string) => void;
}

const STORAGE_TROUBLE_MS = 10_000;

export class BrokerMetrics {
  readonly clock: Clock;
  readonly apis: (ApiCounts | undefined)[] = [];
  readonly topics = new Map<string, TopicCounts>();
  /** Over all topics, those included that are gone by now. */
  readonly allTopics: TopicCounts = noTraffic();
  readonly flushes = new Histogram();
  readonly connectionsOpened = new WindowRate();
  readonly connectionsClosed = new WindowRate();
  #storageFailedMs = Number.NEGATIVE_INFINITY;
  rebalances = 0;
  readonly server: ServerProbe;
  readonly log: LogProbe;
  readonly groups: GroupCoordinatorProbe;
  readonly transactions: TransactionCoordinatorProbe;
  readonly #transactionMetrics: TransactionMetrics;
  readonly #cleaner: CleanerMetrics;
  readonly #process = new ProcessMetrics();
  #services: Services | null = null;
  #utilization = performance.eventLoopUtilization();
  #listeners: readonly Listener[] = [];

  constructor({ clock, handlers, report }: BrokerMetricsOptions) {
    this.clock = clock;
    this.#transactionMetrics = new TransactionMetrics(report);
    this.transactions = this.#transactionMetrics.probe;
    this.#cleaner = new CleanerMetrics(report);
    const reportRefusal = limitedReport(clock, report);
    const reportRequest = limitedReport(clock, report);
    const reportStorage = limitedReport(clock, report);
    const reportDamage = limitedReport(clock, report);
    for (const { api } of handlers) {
      this.apis[api.key] = {
        name: api.name,
        byVersion: Array.from({ length: api.versions.max + 1 }, () => 0),
        totalMs: new Histogram(),
        requestBytes: 0,
        responseBytes: 0,
        failures: 0,
        waiting: 0,
      };
    }
    this.server = {
      connectionOpened: () => this.connectionsOpened.record(clock.monotonic()),
      connectionClosed: (listener, address, cause) => {
        this.connectionsClosed.record(clock.monotonic());
        if (!isRefusal(cause)) return;
        reportRefusal(`connection of ${address} on ${listener} closed: ${cause.message}`);
      },
      requestsWaiting: (apiKey, change) => {
        this.apis[apiKey]!.waiting += change;
      },
      topicProduced: (topic) => {
        this.#topic(topic).produces++;
        this.allTopics.produces++;
      },
      topicFetched: (topic) => {
        this.#topic(topic).fetches++;
        this.allTopics.fetches++;
      },
      fetchRefused: (topic, partitions) => {
        this.#topic(topic).failedFetches += partitions;
        this.allTopics.failedFetches += partitions;
      },
      produceRefused: (topic, partitions, rejectedBytes) => {
        for (const counts of [this.#topic(topic), this.allTopics]) {
          counts.failedProduces += partitions;
          counts.bytesRejected += rejectedBytes;
        }
      },
      requestServed: (request) => this.#served(request),
      requestFailed: (request) => {
        const counts = this.apis[request.apiKey];
        if (counts !== undefined) counts.failures++;
        reportRequest(failureText(request, counts?.name));
      },
    };
    this.log = {
      appended: (topic, bytes, records) => {
        if (topic === METADATA_TOPIC_NAME) return;
        const counts = this.#topic(topic);
        counts.bytesIn += bytes;
        counts.messagesIn += records;
        this.allTopics.bytesIn += bytes;
        this.allTopics.messagesIn += records;
      },
      served: (topic, bytes) => {
        if (topic === METADATA_TOPIC_NAME) return;
        this.#topic(topic).bytesOut += bytes;
        this.allTopics.bytesOut += bytes;
      },
      journalWritten: (_bytes, _batches, elapsedMs) =>
        this.flushes.record(elapsedMs, clock.monotonic()),
      segmentWritten: () => {},
      checkpointed: () => {},
      storageFailed: (error) => {
        this.#storageFailedMs = clock.monotonic();
        reportStorage(`storage failed: ${error.message}`);
      },
      corrupted: (path, position, detail) =>
        reportDamage(`corrupt: ${path} at ${position}: ${detail}`),
      ...this.#cleaner.probe,
    };
    this.groups = {
      rebalanceCompleted: () => void this.rebalances++,
      offsetsCommitted: () => {},
      offsetsExpired: () => {},
      offsetsDeleted: () => {},
      shardLoaded: () => {},
      warning: (message, cause) => report(`groups: ${message}: ${String(cause)}`),
    };
  }

  /** Whether storage has failed lately: what fails is tried again at least every few seconds. */
  get isStorageFailing(): boolean {
    return this.clock.monotonic() - this.#storageFailedMs < STORAGE_TROUBLE_MS;
  }

  /** Where gauges are read from; until then there are none. */
  observe(services: Services, listeners: readonly Listener[]): void {
    this.#services = services;
    this.#listeners = listeners;
  }

  /** Share of the time since it was last asked in which the event loop had nothing to do. */
  idleShare(): number {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization);
    this.#utilization = now;
    return 1 - utilization;
  }

  get connectionCount(): number {
    let count = 0;
    for (const listener of this.#listeners) count += listener.connectionCount;
    return count;
  }

  listeners(): readonly Listener[] {
    return this.#listeners;
  }

  /** All metrics as of now. */
  async render(): Promise<string> {
    const text = new PrometheusText();
    if (this.#services !== null) {
      await kafkaServerMetrics(text, this, this.#services);
      this.#transactionMetrics.render(text, this.#services.transactions);
      this.#cleaner.render(text);
      this.#process.render(text);
      await kafkaExporterMetrics(text, this.#services);
    }
    return text.toString();
  }

  /** Stops watching the process. */
  close(): void {
    this.#process.close();
  }

  /** Forgets the counts of a topic that is gone. */
  forgetTopic(name: string): void {
    this.topics.delete(name);
  }

  #served(request: ServedRequest): void {
    const counts = this.apis[request.apiKey]!;
    counts.byVersion[request.version]!++;
    counts.totalMs.record(request.totalMs, request.answeredMs);
    counts.requestBytes += request.requestBytes;
    counts.responseBytes += request.responseBytes;
  }

  #topic(name: string): TopicCounts {
    let counts = this.topics.get(name);
    if (counts === undefined) {
      counts = noTraffic();
      this.topics.set(name, counts);
    }
    return counts;
  }
}

function noTraffic(): TopicCounts {
  return {
    bytesIn: 0,
    messagesIn: 0,
    bytesOut: 0,
    bytesRejected: 0,
    produces: 0,
    fetches: 0,
    failedProduces: 0,
    failedFetches: 0,
  };
}

/** Whether a connection was closed because of what it sent, which its owner wants to know. */
function isRefusal(cause: unknown): cause is Error {
  return (
    cause instanceof CloseConnection ||
    cause instanceof InvalidFrameSize ||
    cause instanceof StalledFrame ||
    (cause instanceof Error && cause.name === "ProtocolError")
  );
}

function failureText(request: FailedRequest, name: string | undefined): string {
  const { version, clientId, correlationId, cause } = request;
  const detail = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return `${name ?? request.apiKey} v${version} of client ${clientId} (correlation id ${correlationId}) failed: ${detail}`;
}
