/**
 * Acquires records for a share consumer: one session per broker that leads an assigned partition, one request of it under way at a time, since
 * they are numbered. A fetch is sent only while a poll waits and nothing of that broker is at hand: locks run from the moment the broker
 * answers.
 */
import { type ResponseOf, shareAcknowledge, shareFetch } from "@ottla/protocol";
import { brokerError } from "../broker-error.ts";
import type { Cluster } from "../cluster.ts";
import { BrokerError, ClosedError, isRetriable } from "../errors.ts";
import type { PartitionsByTopicId } from "../group/topic-ids.ts";
import { sleep } from "../transport/backoff.ts";
import type { Role } from "../transport/brokers.ts";
import { isStaleMetadata } from "../transport/metadata.ts";
import type { AcknowledgementResult } from "./acknowledgements.ts";
import { decodeAcquired } from "./decode.ts";
import type { ResolvedShareOptions } from "./options.ts";
import type { ShareRecord } from "./share-record.ts";
import {
  type SharePartition,
  type ShareRequest,
  ShareSession,
  sessionLost,
} from "./share-session.ts";

const STRICT_VERSION = 2;
const RENEW_VERSION = 2;

interface Broker {
  readonly nodeId: number;
  readonly session: ShareSession;
  /** Acquired and not handed out. */
  buffered: { readonly partition: SharePartition; readonly records: readonly ShareRecord[] }[];
  /** Acknowledgements that cannot be sent, to be reported with the next ones. */
  failed: AcknowledgementResult[];
  /** The request under way; the next one waits for it. */
  busy: Promise<unknown> | null;
}

/** Where a record in the application's hands came from. */
interface Origin {
  readonly broker: Broker;
  readonly generation: number;
  readonly partition: SharePartition;
}

type Answer = ResponseOf<typeof shareFetch> | ResponseOf<typeof shareAcknowledge>;

export class ShareFetcher {
  readonly #cluster: Cluster;
  readonly #role: Role;
  readonly #memberId: string;
  readonly #options: ResolvedShareOptions;
  readonly #onNews: () => void;
  readonly #brokers = new Map<number, Broker>();
  readonly #origins = new WeakMap<ShareRecord, Origin>();
  readonly #abort = new AbortController();
  #failure: unknown = null;
  #isRefreshing = false;
  /** How long a lock lasts, as the brokers say; 0 before the first answer. */
  lockTimeoutMs = 0;

  constructor(
    cluster: Cluster,
    role: Role,
    memberId: string,
    options: ResolvedShareOptions,
    onNews: () => void,
  ) {
    this.#cluster = cluster;
    this.#role = role;
    this.#memberId = memberId;
    this.#options = options;
    this.#onNews = onNews;
  }

  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  get hasUndecided(): boolean {
    return [...this.#brokers.values()].some(({ session }) => session.hasUndecided);
  }

  /** Everything that is at hand; from now on the application has to acknowledge it. */
  take(): ShareRecord[] {
    const taken: ShareRecord[] = [];
    for (const broker of this.#brokers.values()) {
      for (const { partition, records } of broker.buffered) {
        const offsets = records.map(({ offset }) => offset);
        broker.session.onAcquired(partition, offsets, []);
        const origin = { broker, generation: broker.session.generation, partition };
        for (const record of records) {
          this.#origins.set(record, origin);
          taken.push(record);
        }
      }
      broker.buffered = [];
    }
    return taken;
  }

  /** False when the record is not waiting for an acknowledgement. That of one whose session is gone will be reported as failed. */
  decide(record: ShareRecord, code: number): boolean {
    const origin = this.#origins.get(record);
    if (origin === undefined) return false;
    const { broker, generation, partition } = origin;
    if (broker.session.generation === generation) {
      return broker.session.decide(partition, record.offset, code);
    }
    this.#origins.delete(record);
    broker.failed.push({
      topic: record.topic,
      partition: record.partition,
      offsets: [record.offset],
      error: sessionLost(),
    });
    return true;
  }

  decideAll(code: number): void {
    for (const { session } of this.#brokers.values()) session.decideAll(code);
  }

  /** Starts a fetch at every broker that leads one of the partitions and has neither a request under way nor records at hand. */
  fetch(assignment: PartitionsByTopicId): void {
    const byBroker = this.#byLeader(assignment);
    for (const nodeId of byBroker.keys()) this.#brokerOf(nodeId);
    for (const broker of this.#brokers.values()) {
      if (broker.busy !== null || broker.buffered.length > 0) continue;
      const wanted = byBroker.get(broker.nodeId) ?? [];
      if (wanted.length > 0) this.#start(broker, () => this.#fetchOnce(broker, wanted));
      else if (broker.session.hasDecisions) this.#start(broker, () => this.#told(broker));
    }
  }

  /** Sends all that is decided, after what is under way. @throws nothing: failures are results */
  async commit(signal?: AbortSignal): Promise<readonly AcknowledgementResult[]> {
    const results = await Promise.all(
      [...this.#brokers.values()].map((broker) =>
        this.#after(broker, () => this.#acknowledge(broker, broker.session.buildAcknowledge())),
      ),
    );
    signal?.throwIfAborted();
    return results.flat();
  }

  /** Says what is decided, lets go of the rest and ends the sessions. */
  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(new ClosedError("the share consumer"));
    await Promise.all(
      [...this.#brokers.values()].map((broker) =>
        this.#after(broker, async () => {
          const request = broker.session.buildClose();
          this.#report(await this.#acknowledge(broker, request));
        }).catch(() => {}),
      ),
    );
    await this.#cluster.brokers.release(this.#role);
  }

  #brokerOf(nodeId: number): Broker {
    let broker = this.#brokers.get(nodeId);
    if (broker === undefined) {
      broker = { nodeId, session: new ShareSession(), buffered: [], failed: [], busy: null };
      this.#brokers.set(nodeId, broker);
    }
    return broker;
  }

  #byLeader(assignment: PartitionsByTopicId): Map<number, SharePartition[]> {
    const { metadata, brokers } = this.#cluster;
    const byBroker = new Map<number, SharePartition[]>();
    const leaderless = new Set<string>();
    for (const [topicId, partitions] of assignment) {
      const topic = metadata.nameOf(topicId);
      if (topic === null) continue;
      const known = metadata.cached(topic);
      for (const partition of partitions) {
        const leader = known?.partitions[partition]?.leader ?? -1;
        if (leader < 0 || !brokers.has(leader)) {
          leaderless.add(topic);
          continue;
        }
        const own = byBroker.get(leader);
        if (own === undefined) byBroker.set(leader, [{ topicId, topic, partition }]);
        else own.push({ topicId, topic, partition });
      }
    }
    if (leaderless.size > 0) this.#refresh(leaderless);
    return byBroker;
  }

  /** Runs `task` when nothing of the broker is under way. */
  #after<T>(broker: Broker, task: () => Promise<T>): Promise<T> {
    const run = (broker.busy ?? Promise.resolve()).catch(() => {}).then(task);
    const busy = run
      .catch(() => {})
      .finally(() => {
        if (broker.busy === busy) broker.busy = null;
      });
    broker.busy = busy;
    return run;
  }

  #start(broker: Broker, task: () => Promise<void>): void {
    this.#after(broker, task)
      .catch((error: unknown) => {
        if (!this.#abort.signal.aborted) this.#failure ??= error;
      })
      .finally(this.#onNews);
  }

  async #told(broker: Broker): Promise<void> {
    const results = await this.#acknowledge(broker, broker.session.buildAcknowledge());
    this.#report(results);
  }

  async #fetchOnce(broker: Broker, wanted: readonly SharePartition[]): Promise<void> {
    if (broker.session.hasRenewals) await this.#told(broker);
    const { session } = broker;
    const request = session.buildFetch(wanted);
    let answer: ResponseOf<typeof shareFetch>;
    try {
      answer = await this.#sendFetch(broker.nodeId, request);
    } catch (error) {
      await this.#onFailure(broker, error);
      return;
    }
    const failed = new Map<string, BrokerError>();
    for (const { topicId, partitions } of answer.responses) {
      for (const p of partitions) {
        if (p.acknowledgeErrorCode === 0) continue;
        const name = this.#cluster.metadata.nameOf(topicId);
        const subject = `acknowledge ${name}[${p.partitionIndex}]`;
        const error = brokerError(p.acknowledgeErrorCode, subject, p.acknowledgeErrorMessage);
        failed.set(keyOf(topicId, p.partitionIndex), error);
      }
    }
    const errorOf = ({ topicId, partition }: SharePartition) =>
      failed.get(keyOf(topicId, partition)) ?? null;
    this.#report([...broker.failed.splice(0), ...session.onAnswer(errorOf)]);
    this.lockTimeoutMs = answer.acquisitionLockTimeoutMs;
    this.#takeIn(broker, wanted, answer);
  }

  #takeIn(
    broker: Broker,
    wanted: readonly SharePartition[],
    answer: ResponseOf<typeof shareFetch>,
  ): void {
    for (const { topicId, partitions } of answer.responses) {
      for (const p of partitions) {
        const partition = wanted.find(
          (each) => each.topicId === topicId && each.partition === p.partitionIndex,
        );
        if (partition === undefined) continue;
        if (p.errorCode !== 0) {
          this.#onPartitionError(partition, p, answer);
          continue;
        }
        if (p.records === null || p.acquiredRecords.length === 0) continue;
        try {
          const { records, gaps } = decodeAcquired(
            partition,
            p.records,
            p.acquiredRecords,
            this.#options.checkCrcs,
          );
          broker.session.onAcquired(partition, [], gaps);
          if (records.length > 0) broker.buffered.push({ partition, records });
        } catch (error) {
          // Left to its lock: it comes again, to this member or another, as often as the group's settings allow.
          this.#failure ??= error;
        }
      }
    }
  }

  #onPartitionError(
    { topic, partition }: SharePartition,
    answer: ResponseOf<typeof shareFetch>["responses"][number]["partitions"][number],
    { nodeEndpoints }: ResponseOf<typeof shareFetch>,
  ): void {
    const error = brokerError(
      answer.errorCode,
      `share fetch ${topic}[${partition}]`,
      answer.errorMessage,
    );
    const { leaderId: leader, leaderEpoch } = answer.currentLeader;
    const isMoved = this.#cluster.metadata.applyLeader(
      topic,
      partition,
      { leader, leaderEpoch },
      nodeEndpoints,
    );
    if (isMoved) return;
    if (isStaleMetadata(error)) this.#refresh(new Set([topic]));
    else if (!error.retriable) this.#failure ??= error;
  }

  async #acknowledge(
    broker: Broker,
    request: ShareRequest | null,
  ): Promise<readonly AcknowledgementResult[]> {
    const failed = broker.failed.splice(0);
    if (request === null) return failed;
    return [...failed, ...(await this.#tell(broker, request))];
  }

  async #tell(broker: Broker, request: ShareRequest): Promise<readonly AcknowledgementResult[]> {
    try {
      const answer = await this.#sendAcknowledge(broker.nodeId, request);
      return broker.session.onAnswer(({ topicId, topic, partition }) => {
        const found = answer.responses
          .find((each) => each.topicId === topicId)
          ?.partitions.find((each) => each.partitionIndex === partition);
        if (found === undefined || found.errorCode === 0) return null;
        const subject = `acknowledge ${topic}[${partition}]`;
        return brokerError(found.errorCode, subject, found.errorMessage);
      });
    } catch (error) {
      if (!(error instanceof BrokerError) && !isRetriable(error)) throw error;
      return broker.session.onFailure(error instanceof BrokerError ? error : null);
    }
  }

  /** The session is gone with the request; what cannot be cured by a new one reaches the application. */
  async #onFailure(broker: Broker, error: unknown): Promise<void> {
    const told = error instanceof BrokerError ? error : null;
    this.#report(broker.session.onFailure(told));
    if (!isRetriable(error)) throw error;
    const { clock, retryBackoffMs } = this.#cluster.options;
    await sleep(clock, retryBackoffMs, this.#abort.signal).catch(() => {});
    await this.#cluster.metadata.refresh([], this.#abort.signal).catch(() => {});
  }

  async #sendFetch(nodeId: number, request: ShareRequest) {
    const { signal } = this.#abort;
    const { requestTimeoutMs } = this.#cluster.options;
    const options = this.#options;
    const connection = await this.#cluster.brokers.connection(nodeId, this.#role, signal);
    const answer = await connection.request(
      shareFetch,
      {
        groupId: options.groupId,
        memberId: this.#memberId,
        shareSessionEpoch: request.epoch,
        maxWaitMs: options.fetchMaxWaitMs,
        minBytes: options.fetchMinBytes,
        maxBytes: options.fetchMaxBytes,
        maxRecords: options.maxRecords,
        batchSize: options.maxRecords,
        ...(options.strictMaxRecords ? { shareAcquireMode: 1 } : {}),
        topics: byTopicId(request.partitions, ({ partition, acknowledgementBatches }) => ({
          partitionIndex: partition,
          acknowledgementBatches: [...acknowledgementBatches],
        })),
        forgottenTopicsData: byTopicId(request.forgotten, ({ partition }) => partition),
      },
      {
        timeoutMs: requestTimeoutMs + options.fetchMaxWaitMs,
        signal,
        ...(options.strictMaxRecords ? { min: STRICT_VERSION } : {}),
      },
    );
    throwIfFailed(answer, "ShareFetch");
    return answer;
  }

  async #sendAcknowledge(nodeId: number, request: ShareRequest) {
    const connection = await this.#cluster.brokers.connection(nodeId, this.#role);
    const answer = await connection.request(
      shareAcknowledge,
      {
        groupId: this.#options.groupId,
        memberId: this.#memberId,
        shareSessionEpoch: request.epoch,
        ...(request.isRenewal ? { isRenewAck: true } : {}),
        topics: byTopicId(request.partitions, ({ partition, acknowledgementBatches }) => ({
          partitionIndex: partition,
          acknowledgementBatches: [...acknowledgementBatches],
        })),
      },
      request.isRenewal ? { min: RENEW_VERSION } : {},
    );
    throwIfFailed(answer, "ShareAcknowledge");
    return answer;
  }

  #report(results: readonly AcknowledgementResult[]): void {
    if (results.length > 0) this.#options.onAcknowledged(results);
  }

  #refresh(topics: ReadonlySet<string>): void {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    const { clock, retryBackoffMs } = this.#cluster.options;
    this.#cluster.metadata
      .refresh(topics, this.#abort.signal)
      .catch(() => {})
      .then(() => sleep(clock, retryBackoffMs, this.#abort.signal))
      .catch(() => {})
      .finally(() => {
        this.#isRefreshing = false;
        this.#onNews();
      });
  }
}

function throwIfFailed({ errorCode, errorMessage }: Answer, what: string): void {
  if (errorCode !== 0) throw brokerError(errorCode, what, errorMessage);
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId} ${partition}`;
}

function byTopicId<I extends SharePartition, R>(
  items: readonly I[],
  toEntry: (item: I) => R,
): { topicId: string; partitions: R[] }[] {
  const topics = new Map<string, R[]>();
  for (const item of items) {
    const own = topics.get(item.topicId);
    if (own === undefined) topics.set(item.topicId, [toEntry(item)]);
    else own.push(toEntry(item));
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
}
