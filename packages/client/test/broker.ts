/**
 * The brokers these tests run against: Apache Kafka as the reference and our own, one after the other, each started for the test file;
 * or the one at `OTTLA_TEST_BOOTSTRAP` (such as `127.0.0.1:9092`), which saves its start-up while working on a test.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "node:test";
import { type Client, type NewTopic, orThrow } from "@ottla/client";
import {
  type BrokerServer,
  startBrokerProcess,
  startReferenceKafka,
  waitFor,
} from "@ottla/testing";

export interface Broker extends AsyncDisposable {
  readonly bootstrap: string;
  readonly port: number;
  /** Kills the broker and starts it again on what it left behind; undefined for one that is not ours to kill. */
  readonly restart?: () => Promise<void>;
  /** Whether it has said that it completed a transaction without the end markers of some partitions, of a transactional id that begins like this. */
  leftOutMarkers(transactionalIdPrefix: string): boolean;
}

/** A kind of broker to test against. */
export interface Target {
  readonly name: string;
  /** Why tests of transactions are left out, or false when the broker has them. */
  readonly skipTransactions: string | false;
  /** Why tests of KIP-848 and share groups are left out, or false when the broker has them. */
  readonly skipNewGroups: string | false;
  /** Why tests of calls about access, quotas and users are left out, or false. */
  readonly skipAccess: string | false;
  /** In which share of the runs of a fault schedule the broker is killed: starting Apache Kafka takes seconds. */
  readonly brokerKills: number;
  /** How long transactions of a fault schedule may be open: on Apache Kafka none may time out while it starts ({@link LEFT_OUT_MARKERS}). */
  readonly transactionTimeoutMs: number;
  start(): Promise<Broker>;
}

/**
 * What Apache Kafka 4.3.1 says when it completes a transaction without markers: while it starts or stops, its partitions have no leader for a
 * moment, and the coordinator takes them for deleted. The transaction hangs in them, or what comes next from its producer decides about it.
 */
const LEFT_OUT_MARKERS = /Couldn't find leader endpoint for .* markers for (\S+)/g;

/** Groups that react quickly, and bounds that let a test ask for short sessions and locks. */
const classicProperties = {
  "group.initial.rebalance.delay.ms": "0",
  "group.min.session.timeout.ms": "500",
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
};

const properties = {
  ...classicProperties,
  "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  "super.users": "User:ANONYMOUS",
  "group.consumer.heartbeat.interval.ms": "200",
  "group.consumer.min.heartbeat.interval.ms": "200",
  "group.consumer.min.session.timeout.ms": "500",
  "group.share.heartbeat.interval.ms": "200",
  "group.share.min.heartbeat.interval.ms": "200",
  "group.share.min.session.timeout.ms": "500",
  "group.share.min.record.lock.duration.ms": "1000",
};

const kafka: Target = {
  name: "Apache Kafka",
  skipTransactions: false,
  skipNewGroups: false,
  skipAccess: false,
  brokerKills: 0.15,
  transactionTimeoutMs: 30_000,
  start: () => restartable((place) => startReferenceKafka({ heap: "512M", properties, ...place })),
};

const ottla: Target = {
  name: "Ottla",
  skipTransactions: false,
  skipNewGroups: "this broker has classic groups only yet",
  skipAccess: "this broker has no access control, quotas and users yet",
  brokerKills: 0.6,
  transactionTimeoutMs: 2_500,
  start: () =>
    restartable((place) => startBrokerProcess({ properties: classicProperties, ...place })),
};

const running = process.env.OTTLA_TEST_BOOTSTRAP;

const targets: readonly Target[] =
  running === undefined ? [kafka, ottla] : [runningBroker(running)];

function runningBroker(bootstrap: string): Target {
  return {
    name: `the broker at ${bootstrap}`,
    skipTransactions: false,
    skipNewGroups: false,
    skipAccess: false,
    brokerKills: 0,
    transactionTimeoutMs: 2_500,
    start: async () => ({
      bootstrap,
      port: Number(bootstrap.split(":").at(-1)),
      leftOutMarkers: () => false,
      [Symbol.asyncDispose]: async () => {},
    }),
  };
}

/** A broker on a data directory of its own, which may be killed and started again. */
async function restartable(
  start: (place: { dataDirectory: string; port?: number }) => Promise<BrokerServer>,
): Promise<Broker> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "ottla-client-test-"));
  let running = await start({ dataDirectory });
  const { bootstrap, port } = running;
  const before: string[] = [];
  const leftOut = () => [...running.output().matchAll(LEFT_OUT_MARKERS)].map(([, id]) => id!);
  return {
    bootstrap,
    port,
    leftOutMarkers: (prefix) => [...before, ...leftOut()].some((id) => id.startsWith(prefix)),
    restart: async () => {
      await running.kill();
      before.push(...leftOut());
      running = await start({ dataDirectory, port });
    },
    [Symbol.asyncDispose]: async () => {
      await running.kill();
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

/** Declares the same tests for every target. */
export function forEachBroker(declare: (target: Target) => void): void {
  for (const target of targets) describe(target.name, () => declare(target));
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
export async function eventually(
  condition: () => Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const attempt = async () => ((await condition()) ? true : null);
  await waitFor(attempt, { what: "state that the test waits for", timeoutMs });
}
