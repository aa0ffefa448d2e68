/**
 * Adds partitions to a transaction, all of a request or none (TX5). v0–v3: of one transaction, for clients; v4: of several, for brokers, or a
 * question whether they are in it (TX6).
 */
import type { TopicPartitions, TransactionErrorName } from "@ottla/coordinator";
import { type AddPartitionsToTxnRequest, addPartitionsToTxn, errorCode } from "@ottla/protocol";
import { isForeignTransaction } from "../coordinators.ts";
import { handler, type RequestContext } from "../handler.ts";
import { transactionErrorCode } from "../transaction-errors.ts";
import { memberOf } from "../transactional-appends.ts";
import { mapSlices } from "../turns.ts";

type BatchedTransaction = AddPartitionsToTxnRequest["transactions"][number];

const FIRST_VERSION_WITH_BATCHES = 4;
const FIRST_VERSION_WITH_FENCING = 2;
const UNKNOWN_TOPIC_OR_PARTITION = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
const TOPIC_AUTHORIZATION_FAILED = errorCode("TOPIC_AUTHORIZATION_FAILED");
const OPERATION_NOT_ATTEMPTED = errorCode("OPERATION_NOT_ATTEMPTED");
const TRANSACTION_ABORTABLE = errorCode("TRANSACTION_ABORTABLE");

export const addPartitionsToTxnHandler = handler({
  api: addPartitionsToTxn,
  takesTurns: true,

  async handle(context, request) {
    if (context.version >= FIRST_VERSION_WITH_BATCHES) {
      const resultsByTransaction = await mapSlices(request.transactions, (transactions) =>
        addAll(context, transactions),
      );
      return { errorCode: 0, resultsByTransaction, resultsByTopicV3AndBelow: [] };
    }
    const transaction = {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      verifyOnly: false,
      topics: request.v3AndBelowTopics,
    };
    const [added] = await addAll(context, [transaction]);
    return { resultsByTransaction: [], resultsByTopicV3AndBelow: added!.topicResults };
  },
});

/** All that is added to one transaction in this turn of the event loop is added together. */
function addAll(context: RequestContext, transactions: readonly BatchedTransaction[]) {
  const additions = new Additions(context);
  return Promise.all(
    transactions.map(async (transaction) => ({
      transactionalId: transaction.transactionalId,
      topicResults: await add(context, transaction, additions),
    })),
  );
}

/**
 * Additions, of which those to one producer's transaction are made together: each by itself would write again all partitions
 * of those before it.
 */
class Additions {
  readonly #context: RequestContext;
  readonly #byProducer = new Map<string, Addition>();

  constructor(context: RequestContext) {
    this.#context = context;
  }

  /** Resolves to what becomes of all that is added to the transaction in this turn. */
  add(producer: Producer, topics: readonly TopicPartitions[]): Promise<TransactionErrorName> {
    const { transactionalId, producerId, producerEpoch } = producer;
    const key = `${producerId}:${producerEpoch}:${transactionalId}`;
    let addition = this.#byProducer.get(key);
    if (addition === undefined) {
      const all: TopicPartitions[] = [];
      addition = { topics: all, error: this.#store(producer, all) };
      this.#byProducer.set(key, addition);
    }
    for (const topic of topics) addition.topics.push(topic);
    return addition.error;
  }

  async #store(
    producer: Producer,
    topics: readonly TopicPartitions[],
  ): Promise<TransactionErrorName> {
    // The other entries of the request come first.
    await null;
    const { version, services } = this.#context;
    const transactionVersion = version >= FIRST_VERSION_WITH_BATCHES ? 2 : 0;
    return await services.transactions.addPartitions({ ...producer, topics, transactionVersion });
  }
}

interface Addition {
  readonly topics: TopicPartitions[];
  readonly error: Promise<TransactionErrorName>;
}

type Producer = Pick<BatchedTransaction, "transactionalId" | "producerId" | "producerEpoch">;

async function add(context: RequestContext, transaction: BatchedTransaction, additions: Additions) {
  const refusal = refusalOf(context, transaction);
  if (refusal !== null) return results(transaction, refusal);
  const { transactionalId, producerId, producerEpoch, verifyOnly } = transaction;
  const producer = { transactionalId, producerId, producerEpoch };
  const topics: TopicPartitions[] = transaction.topics.map(({ name, partitions }) => ({
    topic: name,
    partitions,
  }));
  const codeOf = (error: TransactionErrorName) =>
    transactionErrorCode(error, context.version >= FIRST_VERSION_WITH_FENCING);
  if (isForeignTransaction(context, transactionalId)) {
    return results(transaction, () => codeOf("NOT_COORDINATOR"));
  }
  if (verifyOnly) {
    const { error, missing } = context.services.transactions.verifyPartitions({
      ...producer,
      topics,
    });
    if (error !== "NONE") return results(transaction, () => codeOf(error));
    const lacks = memberOf(missing);
    return results(transaction, (name, partition) =>
      lacks(name, partition) ? TRANSACTION_ABORTABLE : 0,
    );
  }
  const error = await additions.add(producer, topics);
  return results(transaction, () => codeOf(error));
}

/** What each partition is refused with when one of them is; null when all may go on. */
function refusalOf(
  context: RequestContext,
  { topics }: BatchedTransaction,
): ((name: string, partition: number) => number) | null {
  const { image } = context.services.store;
  const fault = (name: string, partition: number): number => {
    const topic = image.topic(name);
    // A client has no business in an internal topic; a broker that adds for one may have.
    if (topic?.isInternal === true && context.version < FIRST_VERSION_WITH_BATCHES) {
      return TOPIC_AUTHORIZATION_FAILED;
    }
    const isThere = topic !== null && partition >= 0 && partition < topic.replicas.length;
    return isThere ? 0 : UNKNOWN_TOPIC_OR_PARTITION;
  };
  const isFine = topics.every(({ name, partitions }) =>
    partitions.every((partition) => fault(name, partition) === 0),
  );
  if (isFine) return null;
  return (name, partition) => fault(name, partition) || OPERATION_NOT_ATTEMPTED;
}

function results(
  { topics }: BatchedTransaction,
  codeOf: (name: string, partition: number) => number,
) {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: codeOf(name, partitionIndex),
    })),
  }));
}
