/** A transactional producer for tests, one request at a time, and a reader that hides what a consumer would. Imported by tests only. */
import {
  type Api,
  addOffsetsToTxn,
  addPartitionsToTxn,
  BatchBuilder,
  BatchWalker,
  createTopics,
  type ErrorName,
  endTxn,
  errorName,
  fetch,
  initProducerId,
  isControl,
  isTransactional,
  lastOffset,
  offsetFetch,
  produce,
  producerId,
  RecordCursor,
  type RequestInput,
  type ResponseOf,
  txnOffsetCommit,
} from "@ottla/protocol";

/** A `TestBroker`, or a connection to a real one. */
export interface Asked {
  ask<A extends Api>(api: A, version: number, body: RequestInput<A>): Promise<ResponseOf<A>>;
}

/** The rules of a client: `old` adds partitions itself, `new` has them add themselves (KIP-890). */
export type Generation = "old" | "new";

export const TOPIC = "t";

export class TestProducer {
  readonly broker: Asked;
  readonly transactionalId: string;
  readonly generation: Generation;
  producerId = -1;
  producerEpoch = -1;
  readonly #sequences = new Map<number, number>();

  constructor(broker: Asked, transactionalId: string, generation: Generation = "new") {
    this.broker = broker;
    this.transactionalId = transactionalId;
    this.generation = generation;
  }

  /** @throws unless the producer is let in. */
  static async start(
    broker: Asked,
    transactionalId: string,
    generation: Generation = "new",
    timeoutMs = 60_000,
  ): Promise<TestProducer> {
    const producer = new TestProducer(broker, transactionalId, generation);
    const error = await producer.init(timeoutMs);
    if (error !== "NONE") throw new Error(`${transactionalId}: ${error}`);
    return producer;
  }

  /** The same client with what it knows, at the broker that was started again. */
  at(broker: Asked): TestProducer {
    const producer = new TestProducer(broker, this.transactionalId, this.generation);
    producer.#become(this.producerId, this.producerEpoch);
    for (const [partition, sequence] of this.#sequences) {
      producer.#sequences.set(partition, sequence);
    }
    return producer;
  }

  async init(transactionTimeoutMs = 60_000): Promise<ErrorName> {
    const answer = await this.broker.ask(initProducerId, 4, {
      transactionalId: this.transactionalId,
      transactionTimeoutMs,
    });
    if (answer.errorCode === 0) this.#become(answer.producerId, answer.producerEpoch);
    return errorName(answer.errorCode);
  }

  async add(...partitions: readonly number[]): Promise<ErrorName[]> {
    const answer = await this.broker.ask(addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: [{ name: TOPIC, partitions }],
    });
    return answer.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
      resultsByPartition.map(({ partitionErrorCode }) => errorName(partitionErrorCode)),
    );
  }

  /** Appends one batch; an old producer must have added the partition. */
  async send(
    partition: number,
    values: readonly string[],
    version = this.generation === "new" ? 12 : 9,
  ): Promise<ErrorName> {
    const sequence = this.#sequences.get(partition) ?? 0;
    const records = this.batch(values, sequence);
    const error = await this.sendBatch(partition, records, version);
    if (error === "NONE") this.#sequences.set(partition, sequence + values.length);
    return error;
  }

  batch(values: readonly string[], baseSequence: number): Buffer {
    const { producerId: id, producerEpoch } = this;
    const batch = new BatchBuilder({
      producerId: id,
      producerEpoch,
      baseSequence,
      isTransactional: true,
    });
    for (const value of values) batch.append(1_700_000_000_000, null, value);
    return batch.build();
  }

  async sendBatch(partition: number, records: Buffer, version: number): Promise<ErrorName> {
    const answer = await this.broker.ask(produce, version, {
      transactionalId: this.transactionalId,
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: TOPIC, partitionData: [{ index: partition, records }] }],
    });
    return errorName(answer.responses[0]!.partitionResponses[0]!.errorCode);
  }

  async addOffsets(groupId: string): Promise<ErrorName> {
    const answer = await this.broker.ask(addOffsetsToTxn, 3, {
      transactionalId: this.transactionalId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      groupId,
    });
    return errorName(answer.errorCode);
  }

  async commitOffset(
    groupId: string,
    committedOffset: number,
    version = this.generation === "new" ? 5 : 3,
  ): Promise<ErrorName> {
    const partition = { partitionIndex: 0, committedOffset, committedMetadata: "" };
    const answer = await this.broker.ask(txnOffsetCommit, version, {
      transactionalId: this.transactionalId,
      groupId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      topics: [{ name: TOPIC, partitions: [partition] }],
    });
    return errorName(answer.topics[0]!.partitions[0]!.errorCode);
  }

  async end(committed: boolean, version = this.generation === "new" ? 5 : 3): Promise<ErrorName> {
    const answer = await this.broker.ask(endTxn, version, {
      transactionalId: this.transactionalId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      committed,
    });
    if (answer.errorCode === 0 && version >= 5) {
      this.#become(answer.producerId, answer.producerEpoch);
    }
    return errorName(answer.errorCode);
  }

  #become(id: number, epoch: number): void {
    if (id !== this.producerId || epoch !== this.producerEpoch) this.#sequences.clear();
    this.producerId = id;
    this.producerEpoch = epoch;
  }
}

/** Creates {@link TOPIC}. */
export async function createTopic(broker: Asked, numPartitions = 2): Promise<void> {
  const topic = { name: TOPIC, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  const answer = await broker.ask(createTopics, 5, { timeoutMs: 1000, topics: [topic] });
  const code = answer.topics[0]!.errorCode;
  if (code !== 0) throw new Error(errorName(code));
}

export async function fetchFrom(
  broker: Asked,
  partition: number,
  isolationLevel: 0 | 1,
  fetchOffset = 0,
  maxWaitMs = 0,
) {
  const answer = await broker.ask(fetch, 11, {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 1 << 20,
    isolationLevel,
    topics: [
      { topic: TOPIC, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }] },
    ],
  });
  return answer.responses[0]!.partitions[0]!;
}

/** The values that an application reads from the start, as its client sorts them out. */
export async function readValues(
  broker: Asked,
  partition: number,
  isolationLevel: 0 | 1 = 1,
): Promise<string[]> {
  const values: string[] = [];
  const cursor = new RecordCursor();
  let next = 0;
  for (;;) {
    const fetched = await fetchFrom(broker, partition, isolationLevel, next);
    const records = Buffer.from(fetched.records ?? []);
    if (records.length === 0) return values;
    const waiting = [...(fetched.abortedTransactions ?? [])];
    const aborted = new Set<number>();
    const walker = new BatchWalker(records);
    while (walker.next()) {
      const { position } = walker;
      const id = producerId(records, position);
      next = lastOffset(records, position) + 1;
      while (waiting.length > 0 && waiting[0]!.firstOffset < next) {
        aborted.add(waiting.shift()!.producerId);
      }
      if (isControl(records, position)) {
        aborted.delete(id);
        continue;
      }
      if (isTransactional(records, position) && aborted.has(id)) continue;
      cursor.start(records, position);
      while (cursor.next()) values.push(String(cursor.value()));
    }
  }
}

/** Partition 0 of the topic for a group: its offset, −1 for none, or the error. */
export async function committedOffset(
  broker: Asked,
  groupId: string,
  requireStable = true,
): Promise<number | ErrorName> {
  const topics = [{ name: TOPIC, partitionIndexes: [0] }];
  const answer = await broker.ask(offsetFetch, 8, { groups: [{ groupId, topics }], requireStable });
  const [group] = answer.groups;
  if (group!.errorCode !== 0) return errorName(group!.errorCode);
  const partition = group!.topics[0]!.partitions[0]!;
  return partition.errorCode === 0 ? partition.committedOffset : errorName(partition.errorCode);
}
