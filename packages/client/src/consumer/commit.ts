import { offsetCommit } from "@ottla/protocol";
import { commitTopics, type OffsetToCommit, throwIfPassing } from "../admin/offsets.ts";
import { brokerError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import type { GroupMetadata } from "../group/membership.ts";

/** Names of topics, not ids, as a consumer knows them. */
const MAX_VERSION = 9;

/** Commits as a member, or as nobody in particular when `generation` is −1. @throws {BrokerError} the first partition's error */
export async function commitOffsets(
  cluster: Cluster,
  { groupId, generation, memberId, groupInstanceId }: GroupMetadata,
  offsets: readonly OffsetToCommit[],
  options: CallOptions,
): Promise<void> {
  const subject = `commit of group ${groupId}`;
  const response = await cluster.callCoordinator(
    "group",
    groupId,
    offsetCommit,
    {
      groupId,
      generationIdOrMemberEpoch: generation,
      memberId,
      ...(groupInstanceId === null ? {} : { groupInstanceId }),
      topics: commitTopics(offsets),
    },
    ({ topics }) => throwIfPassing(topics, subject),
    { ...options, max: MAX_VERSION },
  );
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      if (errorCode === 0) continue;
      throw brokerError(errorCode, `${subject}: ${name}[${partitionIndex}]`);
    }
  }
}
