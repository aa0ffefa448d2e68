/**
 * Reads ahead. For every broker that leads an assigned partition there is one loop with one fetch in flight: it asks for all partitions of
 * that broker that are not paused and hold less than their share, and puts what comes into their buffers. No fetch is sent while
 * `prefetchBytes` or more are buffered; taking from the buffers wakes the loops. A partition without an offset is looked up first: its
 * reset policy, or the offset the consumer sought.
 *
 * An answer is checked against the partition as it is then: one that was sought, revoked or re-assigned meanwhile ignores it.
 */
import { fetch as fetchApi, type ResponseOf } from "@ottla/protocol";
import { brokerError } from "../broker-error.ts";
import type { Cluster } from "../cluster.ts";
import { type BrokerError, ClosedError, isRetriable, NoOffsetError } from "../errors.ts";
import { sleep } from "../transport/backoff.ts";
import type { Role } from "../transport/brokers.ts";
import { isStaleMetadata } from "../transport/metadata.ts";
import { Waker } from "../transport/waker.ts";
import { decodeBatches } from "./decode.ts";
import { canFetchById, fetchRequest, wantedPartition } from "./fetch-request.ts";
import { FetchSession } from "./fetch-session.ts";
import { FetchedFrame } from "./fetched-bytes.ts";
import type { FetcherHandle } from "./fetcher-handle.ts";
import type { ResolvedConsumerOptions } from "./options.ts";
import type { PartitionState } from "./partition-state.ts";
import { ReadFrom } from "./read-from.ts";
import { PartitionRecords } from "./records.ts";
import { StartOffsets } from "./start-offsets.ts";

const READ_COMMITTED_VERSION = 4;
const READ_REPLICA_MAX_AGE_MS = 300_000;

const SESSION_ERRORS: ReadonlySet<string> = new Set([
  "FETCH_SESSION_ID_NOT_FOUND",
  "INVALID_FETCH_SESSION_EPOCH",
  "FETCH_SESSION_TOPIC_ID_ERROR",
  "UNKNOWN_TOPIC_ID",
  "INCONSISTENT_TOPIC_ID",
]);

interface Asked {
  readonly state: PartitionState;
  readonly fetchOffset: number;
}

export class Fetcher implements FetcherHandle {
  readonly #cluster: Cluster;
  readonly #role: Role;
  readonly #options: ResolvedConsumerOptions;
  readonly #partitions = new Map<string, (PartitionState | undefined)[]>();
  readonly #sessions = new Map<number, FetchSession>();
  /** Brokers with a loop at work. */
  readonly #busy = new Set<number>();
  readonly #abort = new AbortController();
  /** Called when a buffer or an error came in. */
  readonly onNews: () => void;
  #bufferedBytes = 0;
  readonly #waker: Waker;
  readonly #readFrom: ReadFrom;
  readonly #startOffsets: StartOffsets;
  /** Whether committed offsets are still to be looked up for partitions without a position. */
  lookUpCommitted: ((states: readonly PartitionState[]) => Promise<void>) | null = null;
  #failure: Error | null = null;

  constructor(cluster: Cluster, role: Role, options: ResolvedConsumerOptions, onNews: () => void) {
    this.#cluster = cluster;
    this.#role = role;
    this.#options = options;
    this.onNews = onNews;
    this.#waker = new Waker(cluster.options.clock, () => this.#look());
    const { signal } = this.#abort;
    this.#readFrom = new ReadFrom(cluster, this.#partitions, this, signal);
    this.#startOffsets = new StartOffsets(cluster, options, this, signal);
  }

  /** Fetched and not handed out. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** An error that concerns all partitions; taken once. */
  takeFailure(): Error | null {
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  fail(error: Error): void {
    this.#failure ??= error;
  }

  add(state: PartitionState): void {
    const states = this.#partitions.get(state.topic);
    if (states === undefined) {
      const list: (PartitionState | undefined)[] = [];
      list[state.partition] = state;
      this.#partitions.set(state.topic, list);
    } else {
      states[state.partition] = state;
    }
    this.wake();
  }

  remove(state: PartitionState): void {
    state.isAssigned = false;
    this.#bufferedBytes -= state.dropBuffered();
    const states = this.#partitions.get(state.topic);
    if (states?.[state.partition] === state) states[state.partition] = undefined;
    if (states?.every((each) => each === undefined) === true) this.#partitions.delete(state.topic);
    this.wake();
  }

  /** Continues a partition elsewhere. */
  seek(state: PartitionState, offset: number): void {
    this.#bufferedBytes -= state.seek(offset);
    this.wake();
  }

  /** Leaves a partition alone for a while, longer each time it fails. */
  retryLater(state: PartitionState): void {
    const { retryBackoffMs, retryBackoffMaxMs } = this.#cluster.options;
    const pauseMs = Math.min(retryBackoffMaxMs, retryBackoffMs * 2 ** Math.min(state.failures, 20));
    state.failures++;
    state.retryAtMs = this.#cluster.now() + pauseMs;
    this.wake();
  }

  /** Takes the oldest buffered records of a partition and moves its position behind them. */
  take(state: PartitionState): PartitionRecords | null {
    const records = state.buffered.shift();
    if (records === undefined) return null;
    state.bufferedBytes -= records.sizeBytes;
    this.#bufferedBytes -= records.sizeBytes;
    state.position = records.nextOffset;
    state.positionEpoch = records.leaderEpoch;
    this.wake();
    return records;
  }

  /** Looks at all partitions at the end of this turn. */
  wake(): void {
    this.#waker.wake();
  }

  async close(): Promise<void> {
    this.#waker.cancel();
    this.#abort.abort(new ClosedError("the consumer"));
    await this.#cluster.brokers.release(this.#role);
  }

  #look(): void {
    if (this.#abort.signal.aborted) return;
    const now = this.#cluster.now();
    const unresolved: PartitionState[] = [];
    const leaderless = new Set<string>();
    const brokers = new Set<number>();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const states of this.#partitions.values()) {
      for (const state of states) {
        if (state === undefined || state.error !== null) continue;
        if (state.retryAtMs > now) {
          nextMs = Math.min(nextMs, state.retryAtMs);
        } else if (state.fetchPosition < 0) {
          unresolved.push(state);
        } else if (!state.isPaused && this.#hasShare(state)) {
          const broker = this.#readFrom.brokerOf(state, now);
          if (broker >= 0) brokers.add(broker);
          else leaderless.add(state.topic);
        }
      }
    }
    if (unresolved.length > 0) this.#startOffsets.resolve(unresolved);
    if (leaderless.size > 0) this.#readFrom.refresh(leaderless);
    if (this.#bufferedBytes < this.#options.prefetchBytes) {
      for (const broker of brokers) this.#run(broker);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#waker.wakeAt(nextMs);
  }

  #hasShare(state: PartitionState): boolean {
    return state.bufferedBytes < this.#options.partitionMaxBytes;
  }

  #run(broker: number): void {
    if (this.#busy.has(broker)) return;
    this.#busy.add(broker);
    this.#fetchOnce(broker)
      .catch((error: Error) => {
        if (this.#abort.signal.aborted) return;
        this.#sessions.get(broker)?.reset();
        if (!isRetriable(error)) {
          this.#failure ??= error;
          this.onNews();
        }
        return this.#pause();
      })
      .catch(() => {})
      .finally(() => {
        this.#busy.delete(broker);
        this.wake();
      });
  }

  /** After a failed fetch: leaders may have moved. */
  async #pause(): Promise<void> {
    await sleep(
      this.#cluster.options.clock,
      this.#cluster.options.retryBackoffMs,
      this.#abort.signal,
    );
    await this.#cluster.metadata
      .refresh(this.#partitions.keys(), this.#abort.signal)
      .catch(() => {});
  }

  async #fetchOnce(broker: number): Promise<void> {
    const connection = await this.#cluster.brokers.connection(
      broker,
      this.#role,
      this.#abort.signal,
    );
    const states = this.#wantedOf(broker);
    if (states.length === 0) return;
    let session = this.#sessions.get(broker);
    if (session === undefined) {
      session = new FetchSession();
      this.#sessions.set(broker, session);
    }
    const { partitionMaxBytes, fetchMaxWaitMs } = this.#options;
    const wanted = states.map((state) => wantedPartition(this.#cluster, state, partitionMaxBytes));
    const isById = canFetchById(connection, wanted);
    const request = session.build(wanted, isById);
    const asked = states.map((state) => ({ state, fetchOffset: state.fetchPosition }));
    const { body, version } = fetchRequest(connection, request, isById, this.#options);
    const response = await connection.request(fetchApi, body, {
      min: READ_COMMITTED_VERSION,
      max: version,
      timeoutMs: this.#cluster.options.requestTimeoutMs + fetchMaxWaitMs,
      signal: this.#abort.signal,
    });
    if (response.errorCode !== 0) {
      session.reset();
      const error = brokerError(response.errorCode, "Fetch");
      if (!SESSION_ERRORS.has(error.error)) throw error;
      const topics = new Set(states.map(({ topic }) => topic));
      if (error.error !== "FETCH_SESSION_ID_NOT_FOUND") this.#readFrom.refresh(topics);
      return;
    }
    session.onAnswer(response.sessionId);
    this.#onResponse(asked, response);
  }

  #wantedOf(broker: number): PartitionState[] {
    const now = this.#cluster.now();
    const wanted: PartitionState[] = [];
    for (const states of this.#partitions.values()) {
      for (const state of states) {
        if (state === undefined || state.isPaused || state.error !== null) continue;
        if (state.fetchPosition < 0 || state.retryAtMs > now || !this.#hasShare(state)) continue;
        if (this.#readFrom.brokerOf(state, now) === broker) wanted.push(state);
      }
    }
    return wanted;
  }

  #onResponse(asked: readonly Asked[], response: ResponseOf<typeof fetchApi>): void {
    const { metadata } = this.#cluster;
    const byPartition = new Map<string, Map<number, Asked>>();
    for (const each of asked) {
      const own = byPartition.get(each.state.topic) ?? new Map<number, Asked>();
      own.set(each.state.partition, each);
      byPartition.set(each.state.topic, own);
    }
    let isNews = false;
    const frame = this.#frameOf(response);
    for (const topic of response.responses) {
      const name = topic.topic || metadata.nameOf(topic.topicId) || "";
      for (const answer of topic.partitions) {
        const each = byPartition.get(name)?.get(answer.partitionIndex);
        if (each === undefined) continue;
        const { state, fetchOffset } = each;
        if (!state.isAssigned || state.fetchPosition !== fetchOffset) continue;
        if (answer.errorCode !== 0) {
          const leader = {
            leader: answer.currentLeader.leaderId,
            leaderEpoch: answer.currentLeader.leaderEpoch,
          };
          const isMoved = metadata.applyLeader(
            name,
            answer.partitionIndex,
            leader,
            response.nodeEndpoints,
          );
          const subject = `fetch ${name}[${answer.partitionIndex}]`;
          this.#onError(state, brokerError(answer.errorCode, subject), isMoved);
          isNews = true;
        } else if (this.#onPartition(state, answer, frame)) {
          isNews = true;
        }
      }
    }
    frame?.release();
    if (isNews) this.onNews();
  }

  /** What all records of an answer lie in; null when it has none. */
  #frameOf(response: ResponseOf<typeof fetchApi>): FetchedFrame | null {
    for (const { partitions } of response.responses) {
      for (const { records } of partitions) {
        if (records !== null && records.length > 0) {
          return new FetchedFrame(this.#cluster.options.memory, records);
        }
      }
    }
    return null;
  }

  #onPartition(
    state: PartitionState,
    answer: ResponseOf<typeof fetchApi>["responses"][number]["partitions"][number],
    frame: FetchedFrame | null,
  ): boolean {
    state.failures = 0;
    if (answer.divergingEpoch.endOffset >= 0) {
      // KIP-320: the log was cut below what was read. What is left of it continues at the cut.
      const cut = answer.divergingEpoch.endOffset;
      if (this.#options.autoOffsetReset === "none") {
        state.error = new NoOffsetError(state.topic, state.partition, state.fetchPosition);
      } else {
        this.seek(state, Math.min(cut, state.fetchPosition));
      }
      return true;
    }
    if (answer.preferredReadReplica >= 0) {
      state.readReplica = answer.preferredReadReplica;
      state.readReplicaUntilMs = this.#cluster.now() + READ_REPLICA_MAX_AGE_MS;
    }
    const isCommitted = this.#options.isolationLevel === "read_committed";
    state.endOffset = isCommitted ? answer.lastStableOffset : answer.highWatermark;
    state.logStartOffset = answer.logStartOffset;
    const records = answer.records;
    if (records === null || records.length === 0) return false;
    try {
      if (isCommitted && answer.abortedTransactions !== null) {
        state.aborted.add(answer.abortedTransactions);
      }
      const decoded = decodeBatches(
        state,
        records,
        state.fetchPosition,
        isCommitted ? state.aborted : null,
        this.#options.checkCrcs,
      );
      const taken = new PartitionRecords({
        topic: state.topic,
        partition: state.partition,
        startOffset: state.fetchPosition,
        nextOffset: decoded.nextOffset,
        endOffset: state.endOffset,
        leaderEpoch: decoded.leaderEpoch,
        buffer: records,
        frame,
        batches: decoded.batches,
      });
      state.fetchPosition = decoded.nextOffset;
      state.fetchedEpoch = decoded.leaderEpoch;
      if (taken.isEmpty && state.buffered.length === 0) {
        // Nothing but markers or aborted records: the position moves on by itself.
        state.position = decoded.nextOffset;
        state.positionEpoch = decoded.leaderEpoch;
        taken.release();
        return false;
      }
      state.buffered.push(taken);
      state.bufferedBytes += taken.sizeBytes;
      this.#bufferedBytes += taken.sizeBytes;
    } catch (error) {
      state.error = error as Error;
    }
    return true;
  }

  #onError(state: PartitionState, error: BrokerError, isMoved: boolean): void {
    if (error.error === "OFFSET_OUT_OF_RANGE") {
      if (state.readReplica >= 0) {
        // A replica may be behind: the leader decides.
        state.readReplica = -1;
        return;
      }
      if (state.buffered.length > 0) {
        // What was read is handed out first; by then the offset is asked for again.
        this.retryLater(state);
        return;
      }
      if (this.#options.autoOffsetReset === "none") {
        state.error = new NoOffsetError(state.topic, state.partition, state.fetchPosition);
      } else {
        this.seek(state, -1);
        state.mustReset = true;
      }
      return;
    }
    state.readReplica = -1;
    if (!error.retriable) {
      state.error = error;
      return;
    }
    if (isMoved) return;
    if (isStaleMetadata(error)) this.#readFrom.refresh(new Set([state.topic]));
    this.retryLater(state);
  }
}
