/** Commits offsets. v2–v4: retention time; v7: groupInstanceId (KIP-345); v9: unknown groups have an error of their own; v10: topic ids. */
import { errorCode, type OffsetCommitRequest, offsetCommit, ZERO_UUID } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_TOPIC_IDS = 10;

export const offsetCommitHandler = handler({
  api: offsetCommit,

  async handle(context, request) {
    const refusal = coordinatorError(context, request.groupId);
    if (refusal !== 0) return refused(request, refusal);
    const isById = context.version >= FIRST_VERSION_WITH_TOPIC_IDS;
    const result = await context.services.groups.commitOffsets({
      groupId: request.groupId,
      generationIdOrMemberEpoch: request.generationIdOrMemberEpoch,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      retentionTimeMs: request.retentionTimeMs,
      knowsGroupIdNotFound: context.version >= 9,
      topics: request.topics.map(({ name, topicId, partitions }) => ({
        name,
        topicId: isById ? topicId : null,
        partitions,
      })),
    });
    return {
      topics: result.topics.map(({ name, topicId, partitions }) => ({
        name,
        topicId: topicId ?? ZERO_UUID,
        partitions: partitions.map(({ partitionIndex, error }) => ({
          partitionIndex,
          errorCode: errorCode(error),
        })),
      })),
    };
  },
});

function refused(request: OffsetCommitRequest, code: number) {
  return {
    topics: request.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code })),
    })),
  };
}
