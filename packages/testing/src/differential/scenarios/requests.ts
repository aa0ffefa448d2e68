/** Requests that several scenarios build in the same way, at every version. */
import type { fetch, produce, RequestInput } from "@ottla/protocol";

export interface NamedTopic {
  readonly name: string;
  readonly id: string;
}

export interface PartitionBytes {
  readonly index: number;
  readonly records: Buffer | null;
}

/** A Produce request; topics go by id from version 13 on. */
export function produceRequest(
  version: number,
  topics: readonly (NamedTopic & { readonly partitions: readonly PartitionBytes[] })[],
  options: { readonly acks?: number; readonly transactionalId?: string } = {},
): RequestInput<typeof produce> {
  return {
    transactionalId: options.transactionalId ?? null,
    acks: options.acks ?? -1,
    timeoutMs: 5_000,
    topicData: topics.map(({ name, id, partitions }) => ({
      ...(version >= 13 ? { topicId: id } : { name }),
      partitionData: partitions,
    })),
  };
}

export interface FetchPartition {
  readonly partition: number;
  readonly fetchOffset: number;
  readonly partitionMaxBytes?: number;
  readonly currentLeaderEpoch?: number;
  readonly lastFetchedEpoch?: number;
}

export interface FetchOptions {
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly isolationLevel?: number;
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  readonly forgotten?: readonly (NamedTopic & { readonly partitions: readonly number[] })[];
}

/** A Fetch request without a session unless it says so; topics go by id from version 13 on. */
export function fetchRequest(
  version: number,
  topics: readonly (NamedTopic & { readonly partitions: readonly FetchPartition[] })[],
  options: FetchOptions = {},
): RequestInput<typeof fetch> {
  const named = ({ name, id }: NamedTopic) => (version >= 13 ? { topicId: id } : { topic: name });
  return {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 0,
    maxBytes: options.maxBytes ?? 1_048_576,
    isolationLevel: options.isolationLevel ?? 0,
    ...(version >= 7
      ? { sessionId: options.sessionId ?? 0, sessionEpoch: options.sessionEpoch ?? -1 }
      : {}),
    topics: topics.map((topic) => ({
      ...named(topic),
      partitions: topic.partitions.map((each) => ({
        partition: each.partition,
        fetchOffset: each.fetchOffset,
        partitionMaxBytes: each.partitionMaxBytes ?? 1_048_576,
        ...(version >= 9 ? { currentLeaderEpoch: each.currentLeaderEpoch ?? -1 } : {}),
        ...(version >= 12 ? { lastFetchedEpoch: each.lastFetchedEpoch ?? -1 } : {}),
      })),
    })),
    ...(version >= 7 && options.forgotten !== undefined
      ? {
          forgottenTopicsData: options.forgotten.map((topic) => ({
            ...named(topic),
            partitions: topic.partitions,
          })),
        }
      : {}),
  };
}
