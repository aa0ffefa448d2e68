/** Who writes to partitions and which transactions are open (KIP-664): for finding one that hangs and holds a last stable offset back. */
import {
  describeProducers as describeProducersApi,
  describeTransactions as describeTransactionsApi,
  listTransactions as listTransactionsApi,
  writeTxnMarkers as writeTxnMarkersApi,
} from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import { byTopic, perLeader, type TopicPartition } from "./per-leader.ts";
import type { ItemResult } from "./results.ts";
import { errorOf } from "./topics.ts";

/** A producer the leader of a partition remembers. */
export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
  /** Of the coordinator that wrote the last end marker; −1 when there was none. */
  readonly coordinatorEpoch: number;
  /** Where its open transaction starts in the partition, or −1. */
  readonly transactionStartOffset: number;
}

export interface PartitionProducers extends TopicPartition, ItemResult {
  readonly producers: readonly ActiveProducer[];
}

/** The producers that the leaders of `partitions` remember. */
export async function describeProducers(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  options: CallOptions,
): Promise<readonly PartitionProducers[]> {
  const results = await perLeader(
    cluster,
    "DescribeProducers",
    partitions,
    options,
    async (connection, own, request) => {
      const topics = [...byTopic(own)].map(([name, items]) => ({
        name,
        partitionIndexes: items.map(({ partition }) => partition),
      }));
      const response = await connection.request(describeProducersApi, { topics }, request);
      return response.topics.flatMap(({ name, partitions: answers }) =>
        answers.map(({ partitionIndex, errorCode, errorMessage, activeProducers }) => ({
          topic: name,
          partition: partitionIndex,
          errorCode,
          errorMessage,
          value: activeProducers,
        })),
      );
    },
  );
  return partitions.map(({ topic, partition }, index) => {
    const { error, value } = results[index]!;
    const producers = (value ?? []).map((producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: producer.lastSequence,
      lastTimestampMs: producer.lastTimestamp,
      coordinatorEpoch: producer.coordinatorEpoch,
      transactionStartOffset: producer.currentTxnStartOffset,
    }));
    return { topic, partition, producers, error };
  });
}

/** As the coordinator keeps it; newer brokers may know more. */
export type TransactionState =
  | "Empty"
  | "Ongoing"
  | "PrepareCommit"
  | "PrepareAbort"
  | "CompleteCommit"
  | "CompleteAbort"
  | "Dead"
  | "PrepareEpochFence";

export interface TransactionListing {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: TransactionState;
}

export interface ListTransactionsOptions extends CallOptions {
  readonly states?: readonly TransactionState[];
  readonly producerIds?: readonly number[];
  /** Only transactions that have been open for longer (KIP-994). */
  readonly minDurationMs?: number;
  /** Only transactional ids that match this regular expression of the broker's kind (KIP-1152). */
  readonly transactionalIdPattern?: string;
}

const DURATION_VERSION = 1;
const PATTERN_VERSION = 2;

/** The transactional ids that all coordinators know, by id. @throws {UnsupportedError} for a filter that a broker is too old for */
export async function listTransactions(
  cluster: Cluster,
  options: ListTransactionsOptions,
): Promise<readonly TransactionListing[]> {
  const { minDurationMs, transactionalIdPattern } = options;
  await cluster.retry("Metadata", options, () => cluster.metadata.refresh([], options.signal));
  const body = {
    stateFilters: options.states ?? [],
    producerIdFilters: options.producerIds ?? [],
    ...(minDurationMs === undefined ? {} : { durationFilter: minDurationMs }),
    ...(transactionalIdPattern === undefined ? {} : { transactionalIdPattern }),
  };
  let min = 0;
  if (minDurationMs !== undefined) min = DURATION_VERSION;
  if (transactionalIdPattern !== undefined) min = PATTERN_VERSION;
  const answers = await Promise.all(
    cluster.brokers.known.map(({ nodeId }) =>
      cluster.callBroker(
        nodeId,
        listTransactionsApi,
        body,
        ({ errorCode }) => throwIfError(errorCode, "ListTransactions"),
        { ...options, min },
      ),
    ),
  );
  const listings = answers.flatMap(({ transactionStates }) =>
    transactionStates.map(({ transactionalId, producerId, transactionState }) => ({
      transactionalId,
      producerId,
      state: transactionState as TransactionState,
    })),
  );
  return listings.sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
}

export interface TransactionDescription extends ItemResult {
  readonly transactionalId: string;
  readonly state: TransactionState;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** Milliseconds since the epoch, or −1 when no transaction is open. */
  readonly startedAtMs: number;
  /** What has been written to in the open transaction. */
  readonly partitions: readonly TopicPartition[];
}

/** State of transactional ids. An unknown one has the error TRANSACTIONAL_ID_NOT_FOUND. */
export async function describeTransactions(
  cluster: Cluster,
  transactionalIds: readonly string[],
  options: CallOptions,
): Promise<readonly TransactionDescription[]> {
  return await Promise.all(
    transactionalIds.map(async (transactionalId) => {
      const subject = `transactional id ${transactionalId}`;
      const { transactionStates } = await cluster.callCoordinator(
        "transaction",
        transactionalId,
        describeTransactionsApi,
        { transactionalIds: [transactionalId] },
        ({ transactionStates: answers }) => {
          const error = errorOf(answers[0]?.errorCode ?? -1, subject);
          if (error?.retriable === true) throw error;
        },
        options,
      );
      const answer = transactionStates[0]!;
      return {
        transactionalId,
        state: answer.transactionState as TransactionState,
        producerId: answer.producerId,
        producerEpoch: answer.producerEpoch,
        timeoutMs: answer.transactionTimeoutMs,
        startedAtMs: answer.transactionStartTimeMs,
        partitions: answer.topics.flatMap(({ topic, partitions }) =>
          partitions.map((partition) => ({ topic, partition })),
        ),
        error: errorOf(answer.errorCode, subject),
      };
    }),
  );
}

/** What {@link describeProducers} shows of a transaction that hangs. */
export interface HangingTransaction extends TopicPartition {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** −1, as for a producer that never ended a transaction, counts as 0. */
  readonly coordinatorEpoch: number;
}

/**
 * Aborts a transaction in one partition without asking its coordinator (KIP-664): for one that the coordinator does not know of, which would
 * hold the last stable offset back for ever. @throws {BrokerError}
 */
export async function abortTransaction(
  cluster: Cluster,
  transaction: HangingTransaction,
  options: CallOptions,
): Promise<void> {
  const { topic, partition, producerId, producerEpoch } = transaction;
  const markers = [
    {
      producerId,
      producerEpoch,
      transactionResult: false,
      topics: [{ name: topic, partitionIndexes: [partition] }],
      coordinatorEpoch: Math.max(0, transaction.coordinatorEpoch),
    },
  ];
  const [result] = await perLeader(
    cluster,
    "WriteTxnMarkers",
    [{ topic, partition }],
    options,
    async (connection, _own, request) => {
      const response = await connection.request(writeTxnMarkersApi, { markers }, request);
      return response.markers.flatMap(({ topics }) =>
        topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex, errorCode }) => ({
            topic: name,
            partition: partitionIndex,
            errorCode,
            value: null,
          })),
        ),
      );
    },
  );
  if (result!.error !== null) throw result!.error;
}
