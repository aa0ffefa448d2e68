/**
 * Appends batches. Offsets are assigned before `handle` returns, so pipelined requests overlap. v10: CurrentLeader and NodeEndpoints
 * (KIP-951); v13: topics by id only.
 */
import type { AppendPartition, AppendResult, LogErrorKind } from "@ottla/log";
import type { Topic } from "@ottla/metadata";
import {
  attributes,
  batchSize,
  errorCode,
  errorMessage,
  LOG_OVERHEAD,
  MAGIC_V2,
  type ProduceRequest,
  produce,
  RECORD_BATCH_OVERHEAD,
  TRANSACTIONAL_BIT,
} from "@ottla/protocol";
import { distinctPartitions, type TopicShape } from "../distinct-partitions.ts";
import { logErrorCode } from "../error-codes.ts";
import { CloseConnection, handler, type RequestContext } from "../handler.ts";
import { LeaderHints, partitionError } from "../partitions.ts";

const FIRST_VERSION_WITH_ZSTD = 7;
const FIRST_VERSION_WITH_LEADERS = 10;
const FIRST_VERSION_WITH_TOPIC_IDS = 13;
const INVALID_REQUIRED_ACKS = errorCode("INVALID_REQUIRED_ACKS");
const UNKNOWN_TOPIC_ID = errorCode("UNKNOWN_TOPIC_ID");
const CORRUPT_MESSAGE = errorCode("CORRUPT_MESSAGE");
const INVALID_TOPIC = errorCode("INVALID_TOPIC_EXCEPTION");
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = errorCode("TRANSACTIONAL_ID_AUTHORIZATION_FAILED");

const HEADER_UP_TO_MAGIC = 17;
/** What Kafka's oldest record takes, and so the least that a batch's length can say. */
const SMALLEST_BATCH_LENGTH = 14;

type RequestedTopic = ProduceRequest["topicData"][number];
type RequestedPartition = RequestedTopic["partitionData"][number];

const SHAPE_BY_NAME: TopicShape<RequestedTopic, RequestedPartition> = {
  topicKey: ({ name }) => name,
  partitions: ({ partitionData }) => partitionData,
  index: ({ index }) => index,
  withPartitions: (topic, partitionData) => ({ ...topic, partitionData }),
};
const SHAPE_BY_ID: typeof SHAPE_BY_NAME = { ...SHAPE_BY_NAME, topicKey: ({ topicId }) => topicId };

export const produceHandler = handler({
  api: produce,
  // v0 to v2 are advertised for librdkafka's sake and refused if sent (KAFKA-18659).
  advertised: { min: 0, max: produce.versions.max },
  mayOverlap: true,

  handle(context, request) {
    const { engine } = context.services;
    const { acks } = request;
    const topicData = distinctPartitions(
      request.topicData,
      context.version >= FIRST_VERSION_WITH_TOPIC_IDS ? SHAPE_BY_ID : SHAPE_BY_NAME,
    );
    const refusesAll = requestRefusal(topicData);
    /** By partition in request order: 0 for those handed to the engine. */
    const refusals: number[] = [];
    const topics: (Topic | null)[] = [];
    const partitions: AppendPartition[] = [];
    for (const { name, topicId, partitionData } of topicData) {
      const topic = topicOf(context, name, topicId);
      topics.push(topic);
      for (const { index, records } of partitionData) {
        const refusal = refusesAll === 0 ? refusalOf(context, acks, topic, index) : refusesAll;
        refusals.push(refusal);
        if (refusal === 0) {
          partitions.push({ topicId: topic!.topicId, partition: index, records });
        }
      }
    }
    const isKnownAcks = acks === -1 || acks === 1;
    const appended =
      partitions.length === 0
        ? NO_RESULTS
        : engine.append({
            acks: isKnownAcks ? acks : 0,
            origin: "client",
            allowsZstd: context.version >= FIRST_VERSION_WITH_ZSTD,
            isTransactional: request.transactionalId !== null,
            partitions,
          });
    return appended.then((results) => {
      if (acks === 0) {
        if (refusals.some((code) => code !== 0) || results.some(({ error }) => error !== null)) {
          throw new CloseConnection("a batch sent with acks=0 was refused");
        }
        return null;
      }
      return responseOf(context, topicData, topics, refusals, results);
    });
  },
});

const NO_RESULTS: Promise<readonly AppendResult[]> = Promise.resolve([]);

function topicOf(context: RequestContext, name: string, topicId: string): Topic | null {
  const { image } = context.services.store;
  return context.version >= FIRST_VERSION_WITH_TOPIC_IDS
    ? image.topicById(topicId)
    : image.topic(name);
}

/**
 * Kafka looks at the first batch of each partition before anything else and fails the whole request for one that cannot be a batch or
 * that is transactional: without a transaction coordinator nobody may write in a transaction. 0 when there is neither.
 */
function requestRefusal(topicData: ProduceRequest["topicData"]): number {
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      if (records === null || records.length < HEADER_UP_TO_MAGIC) continue;
      if (isImpossible(records)) return CORRUPT_MESSAGE;
      if (isTransactional(records)) return TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    }
  }
  return 0;
}

function isImpossible(records: Buffer): boolean {
  return (
    batchSize(records, 0) < LOG_OVERHEAD + SMALLEST_BATCH_LENGTH ||
    records[HEADER_UP_TO_MAGIC - 1]! > MAGIC_V2
  );
}

function isTransactional(records: Buffer): boolean {
  return (
    records.length >= RECORD_BATCH_OVERHEAD &&
    batchSize(records, 0) <= records.length &&
    (attributes(records, 0) & TRANSACTIONAL_BIT) !== 0
  );
}

function refusalOf(
  context: RequestContext,
  acks: number,
  topic: Topic | null,
  partition: number,
): number {
  if (topic === null && context.version >= FIRST_VERSION_WITH_TOPIC_IDS) return UNKNOWN_TOPIC_ID;
  const code = partitionError(context, topic, partition);
  if (code !== 0) return code;
  if (acks !== -1 && acks !== 1 && acks !== 0) return INVALID_REQUIRED_ACKS;
  return topic!.isInternal ? INVALID_TOPIC : 0;
}

function responseOf(
  context: RequestContext,
  topicData: ProduceRequest["topicData"],
  topics: readonly (Topic | null)[],
  refusals: readonly number[],
  results: readonly AppendResult[],
) {
  const hints = new LeaderHints(context, FIRST_VERSION_WITH_LEADERS);
  let position = 0;
  let answered = 0;
  const responses = topicData.map(({ name, topicId, partitionData }, topicIndex) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => {
      const refusal = refusals[position++]!;
      if (refusal !== 0) {
        const currentLeader = hints.currentLeader(refusal, topics[topicIndex]!, index);
        const words = refusal === CORRUPT_MESSAGE ? errorMessage("CORRUPT_MESSAGE") : null;
        const refused = {
          index,
          errorCode: refusal,
          baseOffset: -1,
          recordErrors: [],
          errorMessage: words,
        };
        return currentLeader === undefined ? refused : { ...refused, currentLeader };
      }
      return partitionResponse(index, results[answered++]!);
    }),
  }));
  return { responses, nodeEndpoints: hints.nodeEndpoints() };
}

/** Faults that Kafka answers without looking at the log, so without its start. */
const WITHOUT_LOG_START: ReadonlySet<LogErrorKind | null> = new Set<LogErrorKind>([
  "corruptBatch",
  "messageTooLarge",
  "recordListTooLarge",
  "unsupportedCompression",
  "transactionalIdRequired",
  "unknownTopic",
  "unknownPartition",
  "storage",
  "shuttingDown",
]);

function partitionResponse(index: number, result: AppendResult) {
  const { error, recordErrors } = result;
  return {
    index,
    errorCode: logErrorCode(error),
    baseOffset: result.baseOffset,
    logAppendTimeMs: result.appendTimeMs,
    logStartOffset: WITHOUT_LOG_START.has(error) ? -1 : result.logStartOffset,
    recordErrors: recordErrors.map((fault) => ({
      batchIndex: fault.index,
      batchIndexErrorMessage: fault.message,
    })),
    // Words come only with records at fault; every other code speaks for itself.
    errorMessage: recordErrors.length > 0 ? result.errorMessage : null,
  };
}
