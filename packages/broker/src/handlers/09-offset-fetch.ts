/** Reads committed offsets. v2: null topics mean all; v7: requireStable (KIP-447); v8: several groups; v9: member epochs; v10: topic ids. */
import type { OffsetFetchGroup, OffsetFetchResultGroup } from "@ottla/coordinator";
import { errorCode, type OffsetFetchRequest, offsetFetch, ZERO_UUID } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler, type RequestContext } from "../handler.ts";
import { elementsOf, onceEach } from "../once-each.ts";
import { mapSlices } from "../turns.ts";

const FIRST_VERSION_WITH_GROUPS = 8;
const FIRST_VERSION_WITH_TOPIC_IDS = 10;

export const offsetFetchHandler = handler({
  api: offsetFetch,
  takesTurns: true,

  async handle(context, request) {
    const asked = groupsOf(context, request);
    const found = await mapSlices(withoutRepeated(asked), (groups) =>
      fetchAll(context, groups, request.requireStable),
    );
    const results = withRepeated(asked, found);
    if (context.version >= FIRST_VERSION_WITH_GROUPS) return { groups: results };
    return oldResponse(context, request, results[0]!);
  },
});

/** Without the groups whose every offset is asked for again. */
function withoutRepeated(asked: readonly OffsetFetchGroup[]): readonly OffsetFetchGroup[] {
  const seen = new Set<string>();
  return asked.filter(({ groupId, topics }) => {
    const isRepeated = topics === null && seen.has(groupId);
    if (topics === null) seen.add(groupId);
    return !isRepeated;
  });
}

/** An answer for each of the groups, of what was found for those that are the first to ask for it. */
function withRepeated(
  asked: readonly OffsetFetchGroup[],
  found: readonly FoundGroup[],
): readonly FoundGroup[] {
  const next = found[Symbol.iterator]();
  const whole = onceEach(
    (_groupId: string) => next.next().value!,
    ({ topics }) => elementsOf(topics),
  );
  return asked.map(({ groupId, topics }) =>
    topics === null ? whole(groupId) : next.next().value!,
  );
}

async function fetchAll(
  context: RequestContext,
  asked: readonly OffsetFetchGroup[],
  requireStable: boolean,
) {
  const refusals = asked.map(({ groupId }) => coordinatorError(context, groupId));
  const { groups } = await context.services.groups.fetchOffsets({
    groups: asked.filter((_, index) => refusals[index] === 0),
    requireStable,
  });
  let answered = 0;
  return asked.map(({ groupId }, index) => {
    const refusal = refusals[index]!;
    return refusal === 0
      ? foundGroup(groups[answered++]!)
      : { groupId, errorCode: refusal, topics: [] };
  });
}

function groupsOf(context: RequestContext, request: OffsetFetchRequest): OffsetFetchGroup[] {
  if (context.version < FIRST_VERSION_WITH_GROUPS) {
    const topics =
      request.topics?.map(({ name, partitionIndexes }) => ({
        name,
        topicId: null,
        partitionIndexes,
      })) ?? null;
    return [{ groupId: request.groupId, memberId: null, memberEpoch: -1, topics }];
  }
  const isById = context.version >= FIRST_VERSION_WITH_TOPIC_IDS;
  return request.groups.map(({ groupId, memberId, memberEpoch, topics }) => ({
    groupId,
    memberId,
    memberEpoch,
    topics:
      topics?.map(({ name, topicId, partitionIndexes }) => ({
        name,
        topicId: isById ? topicId : null,
        partitionIndexes,
      })) ?? null,
  }));
}

type FoundGroup = ReturnType<typeof foundGroup>;

function foundGroup(group: OffsetFetchResultGroup) {
  return {
    groupId: group.groupId,
    errorCode: errorCode(group.error),
    topics: group.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId: topicId ?? ZERO_UUID,
      partitions: partitions.map((partition) => ({
        partitionIndex: partition.partitionIndex,
        committedOffset: partition.committedOffset,
        committedLeaderEpoch: partition.committedLeaderEpoch,
        metadata: partition.metadata,
        errorCode: errorCode(partition.error),
      })),
    })),
  };
}

/** v1 has no error for the group, so each partition that was asked for carries it. */
function oldResponse(context: RequestContext, request: OffsetFetchRequest, group: FoundGroup) {
  const code = group.errorCode;
  if (code === 0 || context.version >= 2) return { errorCode: code, topics: group.topics };
  return {
    topics: (request.topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: -1,
        committedLeaderEpoch: -1,
        metadata: "",
        errorCode: code,
      })),
    })),
  };
}
