/**
 * Commits offsets as part of a transaction (TX13). v3: the member, for fencing (KIP-447); v4: TRANSACTION_ABORTABLE; v5: the group's partition
 * of `__consumer_offsets` adds itself to the transaction (KIP-890).
 */
import type { GroupErrorName, TransactionErrorName } from "@ottla/coordinator";
import { errorCode, type TxnOffsetCommitRequest, txnOffsetCommit } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler, type RequestContext } from "../handler.ts";
import { CONSUMER_OFFSETS_TOPIC } from "../topic-service.ts";

type RequestedTopic = TxnOffsetCommitRequest["topics"][number];

const FIRST_VERSION_WITH_ABORTABLE = 4;
const FIRST_VERSION_WITH_IMPLICIT_ADDS = 5;
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
const UNKNOWN_TOPIC_OR_PARTITION = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
const COORDINATOR_LOAD_IN_PROGRESS = errorCode("COORDINATOR_LOAD_IN_PROGRESS");
const COORDINATOR_NOT_AVAILABLE = errorCode("COORDINATOR_NOT_AVAILABLE");

export const txnOffsetCommitHandler = handler({
  api: txnOffsetCommit,

  async handle(context, request) {
    const refusal = coordinatorError(context, request.groupId);
    if (refusal !== 0) return answer(request, () => refusal);
    const known = knownTopics(context, request.topics);
    if (known.length === 0) return answer(request, () => UNKNOWN_TOPIC_OR_PARTITION);
    const codes = await commit(context, request, known);
    return answer(
      request,
      (name, partition) => codes.get(name)?.get(partition) ?? UNKNOWN_TOPIC_OR_PARTITION,
    );
  },
});

/** The partitions that exist, each topic with its id: it may be another one of this name by the time that the offsets are queued. */
function knownTopics(context: RequestContext, topics: readonly RequestedTopic[]) {
  const { image } = context.services.store;
  return topics
    .map(({ name, partitions }) => {
      const topic = image.topic(name);
      const count = topic?.replicas.length ?? 0;
      const isThere = ({ partitionIndex: index }: (typeof partitions)[number]) =>
        index >= 0 && index < count;
      const topicId = topic?.topicId ?? null;
      return { name, topicId, partitions: partitions.filter(isThere) };
    })
    .filter(({ partitions }) => partitions.length > 0);
}

/** The code of each partition, by topic. */
async function commit(
  context: RequestContext,
  request: TxnOffsetCommitRequest,
  topics: ReturnType<typeof knownTopics>,
): Promise<Map<string, Map<number, number>>> {
  const { groups, transactions, topics: topicService } = context.services;
  const { transactionalId, groupId, producerId, producerEpoch } = request;
  if (transactionalId === "") return codesOf(topics, () => INVALID_REQUEST);
  try {
    // Not between the question whether the producer may write and the write.
    await topicService.ensure(CONSUMER_OFFSETS_TOPIC);
  } catch {
    return codesOf(topics, () => COORDINATOR_NOT_AVAILABLE);
  }
  const offsets = { topic: CONSUMER_OFFSETS_TOPIC, partitions: [groups.shardFor(groupId)] };
  const write = { transactionalId, producerId, producerEpoch, topics: [offsets] };
  let addError: TransactionErrorName = "NONE";
  // A group without a name is refused before anything is added for it.
  if (context.version >= FIRST_VERSION_WITH_IMPLICIT_ADDS && groupId !== "") {
    addError = await transactions.addPartitions({ ...write, transactionVersion: 2 });
  }
  const result = await groups.commitTransactionalOffsets({
    ...request,
    topics,
    admit: () => {
      if (addError !== "NONE") return admissionError(context, addError);
      const { error, missing } = transactions.verifyPartitions(write);
      const isMissing = error === "NONE" && missing.length > 0;
      return admissionError(context, isMissing ? "TRANSACTION_ABORTABLE" : error);
    },
  });
  return codesOf(result.topics, ({ error }) => errorCode(error));
}

function codesOf<P extends { readonly partitionIndex: number }>(
  topics: readonly { readonly name: string; readonly partitions: readonly P[] }[],
  codeOf: (partition: P) => number,
): Map<string, Map<number, number>> {
  return new Map(
    topics.map(({ name, partitions }) => [
      name,
      new Map(partitions.map((partition) => [partition.partitionIndex, codeOf(partition)])),
    ]),
  );
}

/** What the group's coordinator says for what that of the transaction said. */
function admissionError(context: RequestContext, error: TransactionErrorName): GroupErrorName {
  switch (error) {
    case "NONE":
    case "NOT_COORDINATOR":
    case "INVALID_PRODUCER_ID_MAPPING":
    case "INVALID_TXN_STATE":
      return error;
    case "PRODUCER_FENCED":
      return "INVALID_PRODUCER_EPOCH";
    case "TRANSACTION_ABORTABLE":
      return context.version >= FIRST_VERSION_WITH_ABORTABLE ? error : "INVALID_TXN_STATE";
    case "COORDINATOR_LOAD_IN_PROGRESS":
    case "COORDINATOR_NOT_AVAILABLE":
    case "CONCURRENT_TRANSACTIONS":
      return "COORDINATOR_NOT_AVAILABLE";
    default:
      return "UNKNOWN_SERVER_ERROR";
  }
}

function answer(
  { topics }: TxnOffsetCommitRequest,
  codeOf: (name: string, partition: number) => number,
) {
  return {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => {
        const code = codeOf(name, partitionIndex);
        // Clients of transactions know no coordinator that is loading (ER).
        const isLoading = code === COORDINATOR_LOAD_IN_PROGRESS;
        return { partitionIndex, errorCode: isLoading ? COORDINATOR_NOT_AVAILABLE : code };
      }),
    })),
  };
}
