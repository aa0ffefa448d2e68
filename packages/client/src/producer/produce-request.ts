/** The Produce request for a handful of batches, by topic id where the broker knows ids, and the versions it may be sent in. */
import { produce, type RequestInput } from "@ottla/protocol";
import type { Cluster } from "../cluster.ts";
import type { Connection } from "../transport/connection.ts";
import type { VersionBounds } from "../transport/versions.ts";
import type { ResolvedProducerOptions } from "./options.ts";
import type { Flight, TransactionGate } from "./sender-seams.ts";

const ACKS = { all: -1, leader: 1, none: 0 } as const;
const TOPIC_ID_VERSION = 13;
const IMPLICIT_PARTITIONS_VERSION = 12;
const NO_BOUNDS: VersionBounds = {};
const NAME_BOUNDS: VersionBounds = { max: TOPIC_ID_VERSION - 1 };
const IMPLICIT_BOUNDS: VersionBounds = { min: IMPLICIT_PARTITIONS_VERSION };
const EXPLICIT_BOUNDS: VersionBounds = { max: IMPLICIT_PARTITIONS_VERSION - 1 };
const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

/** `bounds` are what the body asks for; {@link transactionBounds} adds those of the transaction. */
export function produceRequest(
  cluster: Cluster,
  options: ResolvedProducerOptions,
  gate: TransactionGate | null,
  connection: Connection,
  flights: readonly Flight[],
): { readonly request: RequestInput<typeof produce>; readonly bounds: VersionBounds } {
  const { metadata } = cluster;
  const idOf = (topic: string) => metadata.cached(topic)?.topicId ?? ZERO_UUID;
  const isById =
    (gate === null || gate.isImplicit) &&
    connection.versions.find(produce, { min: TOPIC_ID_VERSION }) >= 0 &&
    flights.every(({ queue }) => idOf(queue.topic) !== ZERO_UUID);
  const topics = new Map<string, { index: number; records: Buffer }[]>();
  for (const { queue, batch } of flights) {
    const partition = { index: queue.partition, records: batch.bytes() };
    const partitions = topics.get(queue.topic);
    if (partitions === undefined) topics.set(queue.topic, [partition]);
    else partitions.push(partition);
  }
  const request: RequestInput<typeof produce> = {
    transactionalId: gate?.transactionalId ?? null,
    acks: ACKS[options.acks],
    timeoutMs: cluster.options.requestTimeoutMs,
    topicData: [...topics].map(([name, partitionData]) => ({
      ...(isById ? { topicId: idOf(name) } : { name }),
      partitionData,
    })),
  };
  return { request, bounds: isById ? NO_BOUNDS : NAME_BOUNDS };
}

/** Brokers add partitions to a transaction by themselves from one version on, and only then. */
export function transactionBounds(gate: TransactionGate | null): VersionBounds {
  if (gate === null) return NO_BOUNDS;
  return gate.isImplicit ? IMPLICIT_BOUNDS : EXPLICIT_BOUNDS;
}
