/**
 * Crashes at random instants on the simulated disk, which then forgets and tears what was not certain. Appends go to several partitions at once; the
 * checker holds what every restart finds against what was acknowledged:
 *
 *  - every acknowledged batch is there, at its offset, with its bytes;
 *  - offsets have no gaps, batches of one partition are in the order they were sent;
 *  - nothing is there that was not sent, and nothing twice.
 *
 * OTTLA_RUNS sets how many seeds are run, OTTLA_SEED the first one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import type { LocalLogEngine } from "../src/local-engine.ts";
import { appendOne, config, makeBatch, openEngine, readAll, topicId } from "../src/test-support.ts";

const runs = Number(process.env.OTTLA_RUNS ?? 40);
const firstSeed = Number(process.env.OTTLA_SEED ?? 1);
const PARTITIONS = 3;
const id = topicId(1);

interface Sent {
  readonly value: string;
  /** −1 while it is not acknowledged. */
  offset: number;
}

/** The instant of the crash. */
class Over {
  isOver = false;
  readonly promise: Promise<void>;
  #resolve!: () => void;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  end(): void {
    this.isOver = true;
    this.#resolve();
  }
}

class History {
  /** Per partition, in the order of sending. */
  readonly sent: Sent[][] = Array.from({ length: PARTITIONS }, () => []);
  #next = 0;

  send(partition: number, size: number): Sent {
    const sent = { value: `#${partition}/${this.#next++}/`.padEnd(size, "."), offset: -1 };
    this.sent[partition]!.push(sent);
    return sent;
  }

  async check(engine: LocalLogEngine): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const found = await readAll(engine, id, partition, 0, 3_000);
      const values = found.map(({ body }) => /#\d+\/\d+\/\.*/.exec(body)![0]);
      for (const [i, { baseOffset }] of found.entries()) assert.equal(baseOffset, i, "a gap");
      assert.equal(new Set(values).size, values.length, "a batch is there twice");
      const order = new Map(this.sent[partition]!.map(({ value }, i) => [value, i]));
      let last = -1;
      for (const value of values) {
        const place = order.get(value);
        assert.ok(place !== undefined, `${value} was never sent`);
        assert.ok(place > last, `${value} is out of order`);
        last = place;
      }
      for (const { value, offset } of this.sent[partition]!) {
        if (offset >= 0) assert.equal(values[offset], value, `acknowledged at ${offset}`);
      }
    }
  }
}

function open(fileSystem: SimulatedFileSystem, random: SeededRandom, clock: SimulatedClock) {
  return openEngine({
    fileSystem,
    clock,
    random,
    tailBytes: 8_000,
    journalBufferBytes: 16_384,
    journalFirstFileBytes: 32_768,
    journalFileBytes: 65_536,
    journalMaxBytes: 131_072,
    segmentWriteBytes: 6_000,
    checkpointIntervalMs: 50,
  });
}

async function load(
  engine: LocalLogEngine,
  history: History,
  random: SeededRandom,
  clock: SimulatedClock,
  over: Over,
): Promise<void> {
  engine.openTopic({
    topicId: id,
    name: "t",
    partitions: PARTITIONS,
    config: { ...config, segmentBytes: 20_000, indexIntervalBytes: 1_000 },
  });
  for (let round = 0; round < 40 && !over.isOver; round++) {
    const appends: Promise<unknown>[] = [];
    for (let i = random.integer(8); i >= 0; i--) {
      const partition = random.integer(PARTITIONS);
      const size = random.integer(20) === 0 ? 19_000 : 20 + random.integer(900);
      const sent = history.send(partition, size);
      const acknowledged = appendOne(
        engine,
        id,
        partition,
        makeBatch({ values: [sent.value] }),
      ).then((result) => {
        if (result.error === null) sent.offset = result.baseOffset;
      });
      appends.push(acknowledged);
    }
    const all = Promise.all(appends);
    await Promise.race([all, over.promise]);
    if (random.integer(4) === 0) await clock.advanceAsync(60);
  }
}

for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  test(`LG10 LG17: nothing acknowledged is lost in crashes, seed ${seed}`, {
    timeout: 5_000,
  }, async () => {
    const random = new SeededRandom(seed);
    const history = new History();
    let disk = new SimulatedFileSystem({ random });
    let epoch = -1;
    for (let crash = 0; crash < 4; crash++) {
      const clock = new SimulatedClock();
      const over = new Over();
      disk.crashAt(1 + random.integer(250), () => over.end());
      try {
        const engine = await open(disk, random, clock);
        assert.ok(engine.leaderEpoch >= epoch);
        epoch = engine.leaderEpoch;
        await load(engine, history, random, clock, over);
        if (!over.isOver && random.integer(2) === 0) await engine.close();
      } catch (error) {
        if (!over.isOver) throw error;
      }
      disk = disk.crash();
      const check = await open(disk, random, new SimulatedClock());
      check.openTopic({ topicId: id, name: "t", partitions: PARTITIONS, config });
      await history.check(check);
      if (random.integer(2) === 0) {
        await check.close();
        const again = await open(disk, random, new SimulatedClock());
        again.openTopic({ topicId: id, name: "t", partitions: PARTITIONS, config });
        await history.check(again);
        disk = disk.crash();
      } else {
        disk = disk.crash();
      }
      // What a crash kept without an acknowledgement stays from then on.
      await pin(disk, random, history);
    }
  });
}

/** Notes what survived as acknowledged, so that the next round must find it too. */
async function pin(
  disk: SimulatedFileSystem,
  random: SeededRandom,
  history: History,
): Promise<void> {
  const engine = await open(disk, random, new SimulatedClock());
  engine.openTopic({ topicId: id, name: "t", partitions: PARTITIONS, config });
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const { baseOffset, body } of await readAll(engine, id, partition)) {
      const value = /#\d+\/\d+\/\.*/.exec(body)![0];
      const sent = history.sent[partition]!.find((other) => other.value === value);
      if (sent !== undefined) sent.offset = baseOffset;
    }
  }
  await engine.close();
}
