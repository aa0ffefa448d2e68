/**
 * Kills a broker again and again under load and asks the checkers what it did to the data: producers of every kind, two groups and a
 * plain reader go on through every crash, and beside them the transactional applications; the broker comes back on the same files and the
 * same port each time.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { SeededRandom } from "@ottla/platform";
import { createTopics, fetch, listOffsets, offsetFetch } from "@ottla/protocol";
import { freePorts } from "../process/ports.ts";
import type { BrokerServer, StartBroker } from "../process/server.ts";
import { waitFor } from "../wait.ts";
import { readBatches } from "../wire/batch.ts";
import { WireConnection } from "../wire/connection.ts";
import { checkHistory, type Violation } from "./checker.ts";
import { FaultConsumer, FaultReader } from "./consumer.ts";
import type { FinalLog, History } from "./history.ts";
import type { FaultProcess, Surroundings } from "./process.ts";
import { FaultProducer } from "./producer.ts";
import { Recorder } from "./recorder.ts";
import { TransactionalCast } from "./transactions/cast.ts";
import { checkTransactions, type TransactionViolation } from "./transactions/checker.ts";
import type { TransactionalHistory } from "./transactions/history.ts";

export interface FaultRunOptions {
  readonly start: StartBroker;
  readonly seed: number;
  readonly kills: number;
  /** The broker lives at most this long after it is ready. */
  readonly lifeMs: number;
  readonly properties?: Readonly<Record<string, string>>;
  readonly onKill?: (kill: number, operations: number) => void;
}

export interface FaultRunResult {
  readonly history: History;
  readonly transactional: TransactionalHistory;
  readonly violations: readonly (Violation | TransactionViolation)[];
  readonly acknowledged: number;
  readonly unknown: number;
  readonly polled: number;
  readonly commits: number;
  /** Transactions that their producers know to be committed. */
  readonly transactions: number;
  /** Values that are committed at the end of the chain of topics. */
  readonly copied: number;
}

const TOPIC = "faults";
const PARTITIONS = 6;

export async function runFaults(options: FaultRunOptions): Promise<FaultRunResult> {
  const random = new SeededRandom(options.seed);
  const dataDirectory = await mkdtemp(join(tmpdir(), "ottla-faults-"));
  const [port] = await freePorts(1);
  const properties = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
    "log.segment.bytes": "1048576",
    // Apache Kafka takes itself for alive this long after it was killed, and will not start meanwhile.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
    ...options.properties,
  };
  const start = (): Promise<BrokerServer> =>
    options.start({ dataDirectory, port: port!, properties });
  let broker = await start();
  try {
    await createTopic(port!);
    const recorder = new Recorder();
    const processes = cast(random, {
      port: port!,
      topic: TOPIC,
      partitionCount: PARTITIONS,
      recorder,
    });
    const transactional = new TransactionalCast(port!, random);
    await transactional.createTopics();
    const everybody = [...processes, ...transactional.processes];
    const running = Promise.all(everybody.map((each) => each.run()));
    const crashed = running.then(() => null);
    for (let kill = 1; kill <= options.kills; kill++) {
      await Promise.race([pause(random.integer(options.lifeMs)), crashed]);
      await broker.kill();
      recorder.note({ kind: "crash" });
      options.onKill?.(kill, recorder.operations.length);
      broker = await start();
    }
    transactional.stopProducers();
    await finish(processes, transactional, recorder, port!);
    for (const each of everybody) each.stop();
    await running;
    await broker.kill();
    broker = await start();
    await noteCommitted(processes, recorder, port!);
    const history = { operations: recorder.operations, logs: await readLogs(port!) };
    return summarize(history, await transactional.history());
  } finally {
    await broker.kill();
    await rm(dataDirectory, { recursive: true, force: true });
  }
}

function cast(random: SeededRandom, common: Omit<Surroundings, "random">): FaultProcess[] {
  const surroundings = (): Surroundings => ({
    ...common,
    random: new SeededRandom(random.integer(2 ** 32)),
  });
  return [
    new FaultProducer("idempotent-1", { isIdempotent: true, acks: -1 }, surroundings()),
    new FaultProducer("idempotent-2", { isIdempotent: true, acks: -1 }, surroundings()),
    new FaultProducer("plain-all", { isIdempotent: false, acks: -1 }, surroundings()),
    new FaultProducer("plain-1", { isIdempotent: false, acks: 1 }, surroundings()),
    new FaultConsumer("pair-a", "pair", surroundings()),
    new FaultConsumer("pair-b", "pair", surroundings()),
    new FaultConsumer("single", "single", surroundings()),
    new FaultReader("reader", surroundings()),
  ];
}

async function createTopic(port: number): Promise<void> {
  using connection = await WireConnection.open(port);
  const answer = await connection.request(createTopics, 5, {
    topics: [
      {
        name: TOPIC,
        numPartitions: PARTITIONS,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      },
    ],
  });
  if (answer.topics[0]?.errorCode !== 0) throw new Error(JSON.stringify(answer));
}

/** Lets producers settle what is in flight, then readers and copiers catch up with the end. */
async function finish(
  processes: readonly FaultProcess[],
  transactional: TransactionalCast,
  recorder: Recorder,
  port: number,
): Promise<void> {
  const producers = processes.filter((each) => each instanceof FaultProducer);
  for (const each of producers) each.stop();
  using connection = await WireConnection.open(port);
  // The end has to stand still while every reader reaches it.
  await waitFor(
    async () => {
      const ends = await endOffsets(connection);
      const groups = Map.groupBy(processes, (each) =>
        each instanceof FaultConsumer ? each.group : each.name,
      );
      for (const members of groups.values()) {
        const readers = members.filter(
          (each) => each instanceof FaultConsumer || each instanceof FaultReader,
        );
        if (readers.length === 0) continue;
        for (const [partition, end] of ends.entries()) {
          if (!readers.some(({ positions }) => positions.get(partition) === end)) return null;
        }
      }
      return true;
    },
    { what: "readers at the end", timeoutMs: 60_000, everyMs: 50 },
  ).catch((error: unknown) => {
    recorder.note({ kind: "unexpected", process: "readers", what: String(error) });
  });
  await waitFor(() => transactional.isSettled(connection), {
    what: "end of every copy",
    timeoutMs: 60_000,
    everyMs: 50,
  }).catch((error: unknown) => {
    recorder.note({ kind: "unexpected", process: "copiers", what: String(error) });
  });
}

async function endOffsets(connection: WireConnection, timestamp = -1): Promise<number[]> {
  const { topics } = await connection.request(listOffsets, 5, {
    replicaId: -1,
    topics: [
      {
        name: TOPIC,
        partitions: Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
          partitionIndex,
          timestamp,
        })),
      },
    ],
  });
  const partitions = topics[0]!.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
  const refused = partitions.find(({ errorCode }) => errorCode !== 0);
  if (refused !== undefined) throw new Error(`ListOffsets: error ${refused.errorCode}`);
  return partitions.map(({ offset }) => offset);
}

/** What the groups had committed, once more, after the last crash. */
async function noteCommitted(
  processes: readonly FaultProcess[],
  recorder: Recorder,
  port: number,
): Promise<void> {
  using connection = await WireConnection.open(port);
  const names = processes.filter((each) => each instanceof FaultConsumer).map(({ group }) => group);
  for (const group of new Set(names)) {
    const fetched = await waitFor(
      async () => {
        const answer = await connection.request(offsetFetch, 7, { groupId: group, topics: null });
        return answer.errorCode === 0 ? answer : null;
      },
      { what: `offsets of ${group}` },
    );
    for (const { partitionIndex, committedOffset } of fetched.topics[0]?.partitions ?? []) {
      recorder.note({
        kind: "committed",
        group,
        partition: partitionIndex,
        offset: committedOffset,
      });
    }
  }
}

async function readLogs(port: number): Promise<FinalLog[]> {
  using connection = await WireConnection.open(port);
  const ends = await waitFor(() => endOffsets(connection), { what: "end offsets" });
  const starts = await endOffsets(connection, -2);
  const logs: FinalLog[] = [];
  for (const [partition, logEnd] of ends.entries()) {
    const logStart = starts[partition]!;
    const records: { offset: number; value: string }[] = [];
    let at = logStart;
    while (at < logEnd) {
      const answer = await connection.request(fetch, 11, {
        maxWaitMs: 1_000,
        minBytes: 1,
        topics: [
          {
            topic: TOPIC,
            partitions: [{ partition, fetchOffset: at, partitionMaxBytes: 4_194_304 }],
          },
        ],
      });
      const result = answer.responses[0]?.partitions[0];
      const read = readBatches(result?.records ?? Buffer.alloc(0)).flatMap(
        (batch) => batch.records ?? [],
      );
      if (read.length === 0) break; // The checker reports the gap.
      for (const { offset, value } of read) {
        if (offset >= at) records.push({ offset, value: value ?? "" });
      }
      at = read.at(-1)!.offset + 1;
    }
    logs.push({ partition, logStart, logEnd, records });
  }
  return logs;
}

function summarize(history: History, transactional: TransactionalHistory): FaultRunResult {
  const sends = history.operations.filter((each) => each.kind === "send");
  const polls = history.operations.filter((each) => each.kind === "poll");
  return {
    history,
    transactional,
    violations: [...checkHistory(history), ...checkTransactions(transactional)],
    acknowledged: sends.filter(({ outcome }) => outcome === "acknowledged").length,
    unknown: sends.filter(({ outcome }) => outcome === "unknown").length,
    polled: polls.reduce((sum, { records }) => sum + records.length, 0),
    commits: history.operations.filter(
      (each) => each.kind === "commit" && each.outcome === "acknowledged",
    ).length,
    transactions: transactional.operations.filter(
      (each) => each.kind === "ended" && each.outcome === "committed",
    ).length,
    copied: transactional.partitions
      .filter(({ topic }) => topic === transactional.chain.at(-1))
      .reduce((sum, { committed }) => sum + committed.length, 0),
  };
}
