/**
 * The broker these tests run against: Apache Kafka, started for the test file, or the one at `OTTLA_TEST_BOOTSTRAP` (such as
 * `127.0.0.1:9092`), which saves its start-up while working on a test.
 */
import { type Client, type NewTopic, orThrow } from "@ottla/client";
import { startReferenceKafka, waitFor } from "@ottla/testing";

export interface Broker extends AsyncDisposable {
  readonly bootstrap: string;
  readonly port: number;
}

export async function startBroker(): Promise<Broker> {
  const running = process.env.OTTLA_TEST_BOOTSTRAP;
  if (running !== undefined) {
    return {
      bootstrap: running,
      port: Number(running.split(":").at(-1)),
      [Symbol.asyncDispose]: async () => {},
    };
  }
  return await startReferenceKafka({
    heap: "512M",
    properties: { "group.initial.rebalance.delay.ms": "0" },
  });
}

/** Creates a topic and waits until every partition has a leader that answers: Kafka spreads the news after it answered. */
export async function createTopic({ admin }: Client, topic: NewTopic): Promise<void> {
  orThrow(await admin.createTopics([topic]));
  await eventually(async () => {
    const [described] = await admin.describeTopics([topic.name]);
    const partitions = described!.partitions;
    if (described!.error !== null || partitions.length === 0) return false;
    const listed = await admin.listOffsets(
      partitions.map(({ partition }) => ({ topic: topic.name, partition, at: "latest" })),
    );
    return listed.every(({ error }) => error === null);
  });
}

/** Resolves once `condition` holds. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const attempt = async () => ((await condition()) ? true : null);
  await waitFor(attempt, { what: "state that the test waits for", timeoutMs: 20_000 });
}
