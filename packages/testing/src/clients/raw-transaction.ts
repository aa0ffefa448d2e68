/** A transaction made request by request, for what a well-behaved producer would never do. */
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  describeTransactions,
  endTxn,
  errorName,
  findCoordinator,
  initProducerId,
  produce,
  txnOffsetCommit,
} from "@ottla/protocol";
import { waitFor } from "../wait.ts";
import { batchOf, type TestRecord, TRANSACTIONAL } from "../wire/batch.ts";
import { WireConnection } from "../wire/connection.ts";

/** Of a coordinator whose log is still being made. */
const NOT_YET = new Set([
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
]);

export class RawTransaction implements Disposable {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly #connection: WireConnection;
  readonly #transactionalId: string;

  private constructor(
    connection: WireConnection,
    transactionalId: string,
    { producerId, producerEpoch }: { readonly producerId: number; readonly producerEpoch: number },
  ) {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.#connection = connection;
    this.#transactionalId = transactionalId;
  }

  /** Takes a transactional id. */
  static async begin(
    port: number,
    transactionalId: string,
    transactionTimeoutMs = 900_000,
  ): Promise<RawTransaction> {
    const connection = await WireConnection.open(port);
    const producer = await waitFor(
      async () => {
        const keys = { keyType: 1, coordinatorKeys: [transactionalId] };
        await connection.request(findCoordinator, 4, keys);
        const body = { transactionalId, transactionTimeoutMs };
        const answer = await connection.request(initProducerId, 4, body);
        return answer.errorCode === 0 ? answer : null;
      },
      { what: `producer id for ${transactionalId}` },
    );
    return new RawTransaction(connection, transactionalId, producer);
  }

  /** Makes a partition part of the transaction; gives the error code. */
  async add(name: string, partition: number): Promise<number> {
    const answer = await this.#connection.request(addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: this.#transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: [{ name, partitions: [partition] }],
    });
    return answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode;
  }

  /** Appends one batch, the producer's first to this partition; gives the error code. */
  async produce(
    name: string,
    index: number,
    records: readonly TestRecord[],
    baseTimestamp = Date.now(),
  ): Promise<number> {
    const batch = batchOf(records, {
      baseTimestamp,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence: 0,
      attributes: TRANSACTIONAL,
    });
    const { responses } = await this.#connection.request(produce, 9, {
      transactionalId: this.#transactionalId,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name, partitionData: [{ index, records: batch }] }],
    });
    return responses[0]!.partitionResponses[0]!.errorCode;
  }

  /** Makes a group part of the transaction and commits one of its offsets; gives the error code. */
  async commitOffset(
    groupId: string,
    name: string,
    partitionIndex: number,
    committedOffset: number,
  ): Promise<number> {
    const producer = {
      transactionalId: this.#transactionalId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
    };
    const added = await this.#connection.request(addOffsetsToTxn, 3, { ...producer, groupId });
    if (added.errorCode !== 0) return added.errorCode;
    const partitions = [{ partitionIndex, committedOffset, committedMetadata: null }];
    const body = { ...producer, groupId, topics: [{ name, partitions }] };
    return await waitFor(
      async () => {
        const keys = { keyType: 0, coordinatorKeys: [groupId] };
        await this.#connection.request(findCoordinator, 4, keys);
        const { topics } = await this.#connection.request(txnOffsetCommit, 3, body);
        const { errorCode } = topics[0]!.partitions[0]!;
        return NOT_YET.has(errorName(errorCode)) ? null : errorCode;
      },
      { what: `coordinator of ${groupId}` },
    );
  }

  /** Commits or aborts, and waits until every marker is written; gives the error code. */
  async end(committed: boolean): Promise<number> {
    const { errorCode } = await this.#connection.request(endTxn, 3, {
      transactionalId: this.#transactionalId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      committed,
    });
    if (errorCode !== 0) return errorCode;
    await waitFor(
      async () => {
        const body = { transactionalIds: [this.#transactionalId] };
        const answer = await this.#connection.request(describeTransactions, 0, body);
        return answer.transactionStates[0]?.transactionState.startsWith("Complete") ? true : null;
      },
      { what: `complete transaction of ${this.#transactionalId}` },
    );
    return 0;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
