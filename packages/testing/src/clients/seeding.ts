/** Fills topics with exactly these records at exactly these places and times, which no client's partitioner or clock decides. */
import { createTopics, metadata, produce } from "@ottla/protocol";
import { waitFor } from "../wait.ts";
import { batchOf, type TestRecord } from "../wire/batch.ts";
import { WireConnection } from "../wire/connection.ts";

export interface SeededRecord extends TestRecord {
  readonly partition: number;
  /** Since the epoch. */
  readonly timestamp: number;
}

/** Creates a topic with this many partitions and waits until each has a leader. */
export async function createTopic(
  port: number,
  name: string,
  numPartitions: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  using connection = await WireConnection.open(port);
  const topic = {
    name,
    numPartitions,
    replicationFactor: 1,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  };
  const { topics } = await connection.request(createTopics, 5, { topics: [topic] });
  if (topics[0]?.errorCode !== 0) throw new Error(`creating ${name}: ${JSON.stringify(topics)}`);
  await waitFor(
    async () => {
      const answer = await connection.request(metadata, 9, {
        topics: [{ name }],
        allowAutoTopicCreation: false,
      });
      const partitions = answer.topics[0]?.partitions ?? [];
      const led = partitions.filter(({ leaderId, errorCode }) => leaderId >= 0 && errorCode === 0);
      return led.length === numPartitions ? true : null;
    },
    { what: `leaders of ${name}` },
  );
}

const RECORDS_PER_BATCH = 100;

/** Appends the records to a topic, each partition's in their order. */
export async function appendRecords(
  port: number,
  name: string,
  records: readonly SeededRecord[],
): Promise<void> {
  using connection = await WireConnection.open(port);
  for (const [index, all] of Map.groupBy(records, ({ partition }) => partition)) {
    for (let at = 0; at < all.length; at += RECORDS_PER_BATCH) {
      const part = all.slice(at, at + RECORDS_PER_BATCH);
      const base = part[0]!.timestamp;
      const bytes = batchOf(
        part.map(({ timestamp, ...record }) => ({ ...record, timestampDelta: timestamp - base })),
        { baseTimestamp: base },
      );
      await waitFor(
        async () => {
          const { responses } = await connection.request(produce, 9, {
            transactionalId: null,
            acks: -1,
            timeoutMs: 30_000,
            topicData: [{ name, partitionData: [{ index, records: bytes }] }],
          });
          return responses[0]?.partitionResponses[0]?.errorCode === 0 ? true : null;
        },
        { what: `append to ${name}` },
      );
    }
  }
}
