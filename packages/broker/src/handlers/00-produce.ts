/**
 * Appends batches. Offsets are assigned before `handle` returns, so pipelined requests overlap. v10: CurrentLeader and NodeEndpoints
 * (KIP-951); v13: topics by id only.
 */
import type { AppendPartition, AppendResult } from "@ottla/log";
import type { Topic } from "@ottla/metadata";
import { errorCode, type ProduceRequest, produce } from "@ottla/protocol";
import { logErrorCode } from "../error-codes.ts";
import { CloseConnection, handler, type RequestContext } from "../handler.ts";
import { LeaderHints, partitionError } from "../partitions.ts";

const FIRST_VERSION_WITH_ZSTD = 7;
const FIRST_VERSION_WITH_LEADERS = 10;
const FIRST_VERSION_WITH_TOPIC_IDS = 13;
const INVALID_REQUIRED_ACKS = errorCode("INVALID_REQUIRED_ACKS");
const UNKNOWN_TOPIC_ID = errorCode("UNKNOWN_TOPIC_ID");
const INVALID_TOPIC = errorCode("INVALID_TOPIC_EXCEPTION");
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = errorCode("TRANSACTIONAL_ID_AUTHORIZATION_FAILED");

export const produceHandler = handler({
  api: produce,
  // v0 to v2 are advertised for librdkafka's sake and refused if sent (KAFKA-18659).
  advertised: { min: 0, max: produce.versions.max },
  mayOverlap: true,

  handle(context, request) {
    const { engine } = context.services;
    const { acks } = request;
    /** By partition in request order: 0 for those handed to the engine. */
    const refusals: number[] = [];
    const topics: (Topic | null)[] = [];
    const partitions: AppendPartition[] = [];
    for (const { name, topicId, partitionData } of request.topicData) {
      const topic = topicOf(context, name, topicId);
      topics.push(topic);
      for (const { index, records } of partitionData) {
        const refusal = refusalOf(context, request, topic, index);
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
      return responseOf(context, request, topics, refusals, results);
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

function refusalOf(
  context: RequestContext,
  request: ProduceRequest,
  topic: Topic | null,
  partition: number,
): number {
  const { acks } = request;
  if (acks !== -1 && acks !== 1 && acks !== 0) return INVALID_REQUIRED_ACKS;
  if (request.transactionalId !== null) return TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  if (topic === null && context.version >= FIRST_VERSION_WITH_TOPIC_IDS) return UNKNOWN_TOPIC_ID;
  const code = partitionError(context, topic, partition);
  return code === 0 && topic!.isInternal ? INVALID_TOPIC : code;
}

function responseOf(
  context: RequestContext,
  request: ProduceRequest,
  topics: readonly (Topic | null)[],
  refusals: readonly number[],
  results: readonly AppendResult[],
) {
  const hints = new LeaderHints(context, FIRST_VERSION_WITH_LEADERS);
  let position = 0;
  let answered = 0;
  const responses = request.topicData.map(({ name, topicId, partitionData }, topicIndex) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => {
      const refusal = refusals[position++]!;
      if (refusal !== 0) {
        const currentLeader = hints.currentLeader(refusal, topics[topicIndex]!, index);
        const refused = { index, errorCode: refusal, baseOffset: -1, recordErrors: [] };
        return currentLeader === undefined ? refused : { ...refused, currentLeader };
      }
      return partitionResponse(index, results[answered++]!);
    }),
  }));
  return { responses, nodeEndpoints: hints.nodeEndpoints() };
}

function partitionResponse(index: number, result: AppendResult) {
  return {
    index,
    errorCode: logErrorCode(result.error),
    baseOffset: result.baseOffset,
    logAppendTimeMs: result.appendTimeMs,
    logStartOffset: result.logStartOffset,
    recordErrors: result.recordErrors.map((fault) => ({
      batchIndex: fault.index,
      batchIndexErrorMessage: fault.message,
    })),
    errorMessage: result.errorMessage,
  };
}
