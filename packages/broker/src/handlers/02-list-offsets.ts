/** Finds offsets by time. Special times by version: v7 −3, v8 −4, v9 −5, v11 −6; older versions answer UNSUPPORTED_VERSION to them. */
import type { OffsetAnswer, OffsetQuery } from "@ottla/log";
import { errorCode, type ListOffsetsRequest, listOffsets } from "@ottla/protocol";
import { distinctPartitions, type TopicShape } from "../distinct-partitions.ts";
import { logErrorCode } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import { isImpossibleEpoch, partitionError } from "../partitions.ts";

const FIRST_VERSION_WITH_EPOCHS = 4;
const UNSUPPORTED_VERSION = errorCode("UNSUPPORTED_VERSION");
const UNKNOWN_SERVER_ERROR = errorCode("UNKNOWN_SERVER_ERROR");
const FENCED_LEADER_EPOCH = errorCode("FENCED_LEADER_EPOCH");
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
/** First version that knows a special time, by its negative. */
const SPECIAL_TIMES: Readonly<Record<number, number>> = { 1: 0, 2: 0, 3: 7, 4: 8, 5: 9, 6: 11 };

type RequestedTopic = ListOffsetsRequest["topics"][number];

const SHAPE: TopicShape<RequestedTopic, RequestedTopic["partitions"][number]> = {
  topicKey: ({ name }) => name,
  partitions: ({ partitions }) => partitions,
  index: ({ partitionIndex }) => partitionIndex,
  withPartitions: (topic, partitions) => ({ ...topic, partitions }),
};

export const listOffsetsHandler = handler({
  api: listOffsets,

  async handle(context, request) {
    // Kafka looks at the isolation level first and fails everything for one that it does not know.
    if (request.isolationLevel !== 0 && request.isolationLevel !== 1) {
      return failed(request, UNKNOWN_SERVER_ERROR);
    }
    const duplicates = duplicatePartitions(request);
    const topics = distinctPartitions(request.topics, SHAPE);
    const queries: OffsetQuery[] = [];
    const refusals: number[] = [];
    for (const { name, partitions } of topics) {
      const topic = context.services.store.image.topic(name);
      for (const { partitionIndex, currentLeaderEpoch, timestamp } of partitions) {
        let refusal = duplicates.has(`${name}:${partitionIndex}`) ? INVALID_REQUEST : 0;
        if (refusal === 0 && !isKnownTime(context, timestamp)) refusal = UNSUPPORTED_VERSION;
        if (refusal === 0) refusal = partitionError(context, topic, partitionIndex);
        if (refusal === 0 && isImpossibleEpoch(currentLeaderEpoch)) refusal = FENCED_LEADER_EPOCH;
        refusals.push(refusal);
        if (refusal !== 0) continue;
        queries.push({
          topicId: topic!.topicId,
          partition: partitionIndex,
          timestampMs: timestamp,
          currentLeaderEpoch,
          isolation: request.isolationLevel === 1 ? "committed" : "uncommitted",
        });
      }
    }
    const answers = await context.services.engine.listOffsets(queries);
    let position = 0;
    let answered = 0;
    return {
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          const refusal = refusals[position++]!;
          return refusal === 0
            ? found(context, partitionIndex, answers[answered++]!)
            : { partitionIndex, errorCode: refusal };
        }),
      })),
    };
  },
});

function failed({ topics }: ListOffsetsRequest, code: number) {
  return {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code })),
    })),
  };
}

function found(context: RequestContext, partitionIndex: number, answer: OffsetAnswer) {
  return {
    partitionIndex,
    errorCode: logErrorCode(answer.error),
    timestamp: answer.timestampMs,
    offset: answer.offset,
    leaderEpoch: context.version >= FIRST_VERSION_WITH_EPOCHS ? answer.leaderEpoch : -1,
  };
}

function isKnownTime(context: RequestContext, timestamp: number): boolean {
  if (timestamp >= 0) return true;
  const since = SPECIAL_TIMES[-timestamp];
  return since !== undefined && context.version >= since;
}

function duplicatePartitions(request: ListOffsetsRequest): Set<string> {
  const seen = new Set<string>();
  const duplicates = new Set<string>();
  for (const { name, partitions } of request.topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}:${partitionIndex}`;
      if (seen.has(key)) duplicates.add(key);
      seen.add(key);
    }
  }
  return duplicates;
}
