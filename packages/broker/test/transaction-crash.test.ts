/**
 * Crashes amid transactions, on the simulated disk, seen through requests. One producer after the other writes to two partitions and a group's
 * offsets in one transaction and commits or aborts it; in between the coordinators' topics are compacted. The disk stops in the middle of any of its operations. The broker that starts on
 * what is left finishes what was decided (TX16). Then
 *
 *  - what was answered as committed is there, in both partitions and in the offsets, and what was answered as aborted nowhere (TX1);
 *  - what was not answered is there as a whole or not at all;
 *  - the id goes on: its next producer fences the one before, and its transaction commits.
 *
 * OTTLA_RUNS sets how many seeds are run, OTTLA_SEED the first one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import type { TestBroker } from "../src/test-broker.ts";
import {
  committedOffset,
  createTopic,
  type Generation,
  readValues,
  TestProducer,
} from "../src/test-producer.ts";
import { checkNothingIsOpen, insist, must, startBroker } from "./transaction-story.ts";

const runs = Number(process.env.OTTLA_RUNS ?? 40);
const firstSeed = Number(process.env.OTTLA_SEED ?? 1);
const TRANSACTIONS = 6;
/** Enough for a crash in any of them, and for none. */
const MAX_OPERATIONS = 150;
const PARTITIONS = [0, 1];
const GROUP = "g";

type Fate = "committed" | "aborted" | "unknown";

class Story {
  readonly random: SeededRandom;
  readonly generation: Generation;
  /** By value, which is also the offset that the transaction commits for the group. */
  readonly fates = new Map<number, Fate>();
  readonly crashed: Promise<void>;
  crash!: () => void;

  constructor(seed: number) {
    this.crashed = new Promise((resolve) => {
      this.crash = resolve;
    });
    this.random = new SeededRandom(seed);
    this.generation = seed % 2 === 0 ? "new" : "old";
  }

  /** Runs transactions until all are done or the disk stops. */
  async play(broker: TestBroker, from: number): Promise<void> {
    const producer = await TestProducer.start(broker, "id", this.generation);
    for (let value = from; value < from + TRANSACTIONS; value++) {
      // Compacts the coordinators' topics, among other chores; on a dead disk it waits for the next try.
      if (this.random.integer(4) === 0) {
        await Promise.race([broker.services.engine.maintain(), this.crashed]);
      }
      await this.transaction(producer, value, this.random.integer(2) === 0);
    }
  }

  async transaction(producer: TestProducer, value: number, commits: boolean): Promise<void> {
    this.fates.set(value, "unknown");
    if (this.generation === "old") {
      must(...(await producer.add(...PARTITIONS)));
      must(await producer.addOffsets(GROUP));
    }
    for (const partition of PARTITIONS) must(await producer.send(partition, [String(value)]));
    must(await producer.commitOffset(GROUP, value));
    must(await producer.end(commits));
    this.fates.set(value, commits ? "committed" : "aborted");
  }

  async check(broker: TestBroker): Promise<void> {
    const [left, right] = await Promise.all(PARTITIONS.map((each) => readValues(broker, each)));
    assert.deepEqual(left, right);
    const values = left!.map(Number);
    for (const [value, fate] of this.fates) {
      const isThere = values.includes(value);
      if (fate !== "unknown") assert.equal(isThere, fate === "committed", `${value} was ${fate}`);
    }
    assert.deepEqual(
      values,
      [...this.fates.keys()].filter((value) => values.includes(value)),
    );
    assert.equal(await committedOffset(broker, GROUP), values.at(-1) ?? -1);
    await checkNothingIsOpen(broker, PARTITIONS);
  }
}

async function run(seed: number): Promise<boolean> {
  const story = new Story(seed);
  const { random } = story;
  const clock = new SimulatedClock();
  const disk = new SimulatedFileSystem({ random });
  const broker = await startBroker(disk, random, clock);
  await createTopic(broker);
  // The topics of the coordinators are there, so that crashes hit transactions.
  await story.play(broker, 0);
  disk.crashAt(1 + random.integer(MAX_OPERATIONS), story.crash);
  await story.play(broker, TRANSACTIONS).catch(() => {});
  const isCrashed = disk.isCrashed;
  const left = disk.crash();
  // A process that is killed closes nothing.

  await using next = await startBroker(left, random, clock);
  const producer = new TestProducer(next, "id", story.generation);
  // Its first answers may be that the transaction before is being ended.
  assert.equal(await insist(clock, () => producer.init()), "NONE");
  await story.transaction(producer, 2 * TRANSACTIONS, true);
  await story.check(next);
  return isCrashed;
}

test("TX16, TX1, TX13: killed at any instant, a transaction is there as a whole or not at all, and its id goes on", async () => {
  let crashes = 0;
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    try {
      if (await run(seed)) crashes++;
    } catch (cause) {
      throw new Error(`OTTLA_SEED=${seed} OTTLA_RUNS=1`, { cause });
    }
  }
  assert.ok(runs < 10 || crashes > runs / 4, `only ${crashes} of ${runs} runs crashed`);
});
