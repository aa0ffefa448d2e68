/**
 * Throws hostile bytes at a running broker over many connections while an honest one produces, reads its own records back and asks for
 * metadata all the time. The broker must live, the honest connection must not notice, and memory must not grow with what is only promised.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { type Random, SeededRandom } from "@ottla/platform";
import { createTopics, fetch, metadata, produce } from "@ottla/protocol";
import type { BrokerServer } from "../process/server.ts";
import { batchOf, readBatches } from "../wire/batch.ts";
import { WireConnection } from "../wire/connection.ts";
import { type HostileFrame, hostileFrame } from "./hostile-frames.ts";

export interface FuzzOptions {
  readonly seed: number;
  /** Hostile frames in all. */
  readonly frames: number;
  /** Connections that send them side by side. */
  readonly lanes?: number;
}

export interface FuzzResult {
  /** Outcomes of the hostile frames by kind. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Rounds that the honest connection completed meanwhile. */
  readonly honestRounds: number;
  /** The longest of them in milliseconds. */
  readonly slowestRoundMs: number;
  readonly residentBefore: number;
  readonly residentPeak: number;
}

const TOPIC = "honest";
/** An answer later than this is none: many hostile frames promise bytes that never come. */
const OUTCOME_WITHIN_MS = 100;

export async function fuzz(broker: BrokerServer, options: FuzzOptions): Promise<FuzzResult> {
  const random = new SeededRandom(options.seed);
  using honest = await WireConnection.open(broker.port, "honest");
  await createTopic(honest);
  await honestRound(honest, 0);
  const residentBefore = await residentBytes(broker.pid);

  let residentPeak = residentBefore;
  let honestRounds = 0;
  let slowestRoundMs = 0;
  let isOver = false;
  const honestly = (async () => {
    while (!isOver) {
      const started = performance.now();
      await honestRound(honest, ++honestRounds);
      slowestRoundMs = Math.max(slowestRoundMs, performance.now() - started);
      residentPeak = Math.max(residentPeak, await residentBytes(broker.pid));
      await pause(5);
    }
  })();

  const outcomes: Record<string, Record<string, number>> = {};
  const lanes = options.lanes ?? 8;
  const hostile = Array.from({ length: lanes }, async (_, lane) => {
    const laneRandom = new SeededRandom(random.integer(2 ** 32));
    for (let index = lane; index < options.frames; index += lanes) {
      const { kind, bytes } = hostileFrame(laneRandom);
      const outcome = await attack(broker.port, { kind, bytes }, laneRandom);
      const counts = outcomes[kind] ?? {};
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      outcomes[kind] = counts;
    }
  });
  try {
    await Promise.race([Promise.all(hostile), honestly]);
  } finally {
    isOver = true;
  }
  await honestly;
  return { outcomes, honestRounds, slowestRoundMs, residentBefore, residentPeak };
}

/** Sends the bytes on a connection of their own, in one piece or in several. */
async function attack(port: number, { bytes }: HostileFrame, random: Random): Promise<string> {
  using connection = await WireConnection.open(port, "hostile");
  let at = 0;
  while (at < bytes.length) {
    const end = random.integer(3) === 0 ? at + 1 + random.integer(bytes.length - at) : bytes.length;
    connection.write(bytes.subarray(at, end));
    at = end;
  }
  return (await connection.nextFrame(OUTCOME_WITHIN_MS)).kind;
}

async function createTopic(connection: WireConnection): Promise<void> {
  const topic = {
    name: TOPIC,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  };
  const answer = await connection.request(createTopics, 5, { topics: [topic] });
  const code = answer.topics[0]?.errorCode;
  if (code !== 0) throw new Error(`creating ${TOPIC} failed with ${code}`);
}

/** Produces a record and reads it back. @throws when anything about it is not as it should be. */
async function honestRound(connection: WireConnection, round: number): Promise<void> {
  const value = `round ${round}`;
  const records = batchOf([{ key: "k", value }], { baseTimestamp: Date.now() });
  let offset = -1;
  for (let tries = 0; offset < 0; tries++) {
    const produced = await connection.request(produce, 9, {
      acks: -1,
      timeoutMs: 5_000,
      topicData: [{ name: TOPIC, partitionData: [{ index: 0, records }] }],
    });
    const result = produced.responses[0]!.partitionResponses[0]!;
    if (result.errorCode === 0) offset = result.baseOffset;
    else if (round > 0 || tries > 200)
      throw new Error(`an honest Produce failed with ${result.errorCode}`);
    else await pause(20); // Apache Kafka answers CreateTopics before the partition is led.
  }
  const read = await connection.request(fetch, 11, {
    maxWaitMs: 5_000,
    minBytes: 1,
    topics: [
      {
        topic: TOPIC,
        partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 65_536 }],
      },
    ],
  });
  const batches = readBatches(read.responses[0]!.partitions[0]!.records ?? Buffer.alloc(0));
  const seen = batches
    .flatMap((batch) => batch.records ?? [])
    .find((each) => each.offset === offset);
  if (seen?.value !== value) throw new Error(`an honest Fetch gave ${seen?.value} for ${value}`);
  const { topics } = await connection.request(metadata, 9, { topics: [{ name: TOPIC }] });
  if (topics[0]?.errorCode !== 0) throw new Error("an honest Metadata failed");
}

/** What a process has in memory, as the kernel says. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}
