/** The Fetch request for the partitions of a session, by topic id where the broker knows ids. */
import { fetch as fetchApi, type RequestInput } from "@ottla/protocol";
import { byTopic } from "../admin/per-leader.ts";
import type { Cluster } from "../cluster.ts";
import type { Connection } from "../transport/connection.ts";
import type { SessionRequest, WantedPartition } from "./fetch-session.ts";
import type { ResolvedConsumerOptions } from "./options.ts";
import type { PartitionState } from "./partition-state.ts";

const TOPIC_ID_VERSION = 13;
const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

/** What is asked for a partition that is read on. */
export function wantedPartition(
  cluster: Cluster,
  state: PartitionState,
  maxBytes: number,
): WantedPartition {
  const topic = cluster.metadata.cached(state.topic);
  return {
    topic: state.topic,
    topicId: topic?.topicId ?? ZERO_UUID,
    partition: state.partition,
    fetchOffset: state.fetchPosition,
    leaderEpoch: topic?.partitions[state.partition]?.leaderEpoch ?? -1,
    lastFetchedEpoch: state.fetchedEpoch,
    maxBytes,
  };
}

/** Whether topics can be named by id. */
export function canFetchById(connection: Connection, wanted: readonly WantedPartition[]): boolean {
  return (
    connection.versions.find(fetchApi, { min: TOPIC_ID_VERSION }) >= 0 &&
    wanted.every(({ topicId }) => topicId !== ZERO_UUID)
  );
}

/** The request and the version it is written for. */
export function fetchRequest(
  connection: Connection,
  request: SessionRequest,
  isById: boolean,
  options: ResolvedConsumerOptions,
): { readonly body: RequestInput<typeof fetchApi>; readonly version: number } {
  const version = connection.versions.pick(fetchApi, isById ? {} : { max: TOPIC_ID_VERSION - 1 });
  const name = (topic: string, topicId: string) => (isById ? { topicId } : { topic });
  const body: RequestInput<typeof fetchApi> = {
    maxWaitMs: options.fetchMaxWaitMs,
    minBytes: options.fetchMinBytes,
    maxBytes: options.fetchMaxBytes,
    isolationLevel: options.isolationLevel === "read_committed" ? 1 : 0,
    sessionId: request.sessionId,
    sessionEpoch: request.sessionEpoch,
    topics: [...byTopic(request.partitions)].map(([topic, partitions]) => ({
      ...name(topic, partitions[0]!.topicId),
      partitions: partitions.map((wanted) => ({
        partition: wanted.partition,
        currentLeaderEpoch: wanted.leaderEpoch,
        fetchOffset: wanted.fetchOffset,
        ...(version >= 12 ? { lastFetchedEpoch: wanted.lastFetchedEpoch } : {}),
        partitionMaxBytes: wanted.maxBytes,
      })),
    })),
    ...(version >= 7
      ? {
          forgottenTopicsData: [...byTopic(request.forgotten)].map(([topic, partitions]) => ({
            ...name(topic, partitions[0]!.topicId),
            partitions: partitions.map(({ partition }) => partition),
          })),
        }
      : {}),
    rackId: options.rackId,
  };
  return { body, version };
}
