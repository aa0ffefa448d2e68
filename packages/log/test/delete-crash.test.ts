/**
 * Crashes around deletions: topics deleted and made again under the same name, also while a batch in parts is on its way, and records deleted from
 * the front. After each crash:
 *
 *  - a topic whose deletion was answered is gone, and stays gone; its successor holds what it acknowledged and nothing else;
 *  - a log start that was answered holds; what was acknowledged above the log start is there.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import type { LogConfig } from "../src/engine.ts";
import type { LocalLogEngine } from "../src/local-engine.ts";
import { appendOne, config, makeBatch, openEngine, readAll, topicId } from "../src/test-support.ts";

const runs = Number(process.env.OTTLA_RUNS ?? 30);
const firstSeed = Number(process.env.OTTLA_SEED ?? 1);
const small = { ...config, segmentBytes: 2_000, fileDeleteDelayMs: 20, retentionMs: -1 };
/** One of the topics takes batches that are larger than a group of the journal. */
function configOf(name: string): LogConfig {
  return name === "t1" ? { ...small, segmentBytes: 20_000 } : small;
}
const LARGE_BYTES = 14_000;

interface Life {
  readonly id: string;
  readonly name: string;
  /** Acknowledged values by offset. */
  readonly acknowledged: Map<number, string>;
  /** Log start that was answered. */
  start: number;
  state: "alive" | "deleting" | "deleted";
}

function open(fileSystem: SimulatedFileSystem, random: SeededRandom, clock: SimulatedClock) {
  return openEngine({
    fileSystem,
    clock,
    random,
    tailBytes: 4_000,
    journalBufferBytes: 8_192,
    journalFirstFileBytes: 16_384,
    journalFileBytes: 32_768,
    journalMaxBytes: 65_536,
    segmentWriteBytes: 1_000,
    checkpointIntervalMs: 50,
  });
}

class World {
  readonly lives: Life[] = [];
  readonly random: SeededRandom;
  #next = 0;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  alive(): Life[] {
    return this.lives.filter(({ state }) => state === "alive");
  }

  openAll(engine: LocalLogEngine): void {
    // The metadata of the broker knows a topic until its deletion was answered.
    for (const { id, name, state } of this.lives) {
      if (state !== "deleted")
        engine.openTopic({ topicId: id, name, partitions: 1, config: configOf(name) });
    }
  }

  async act(engine: LocalLogEngine, clock: SimulatedClock): Promise<void> {
    const { random } = this;
    const name = `t${random.integer(2)}`;
    let life = this.alive().find((other) => other.name === name);
    if (life === undefined) {
      if (this.lives.some((other) => other.name === name && other.state === "deleting")) return;
      life = { id: topicId(++this.#next), name, acknowledged: new Map(), start: 0, state: "alive" };
      this.lives.push(life);
      engine.openTopic({ topicId: life.id, name, partitions: 1, config: configOf(name) });
    }
    const choice = random.integer(20);
    if (choice === 0) {
      life.state = "deleting";
      await this.#deleteAmid(engine, life);
      life.state = "deleted";
    } else if (choice === 1) {
      const end = engine.describe(life.id, 0)!.highWatermark;
      const beforeOffset = random.integer(end + 1);
      const [result] = await engine.deleteRecords([
        { topicId: life.id, partition: 0, beforeOffset },
      ]);
      if (result!.error === null) life.start = Math.max(life.start, beforeOffset);
    } else if (choice === 2) {
      await clock.advanceAsync(60);
    } else {
      const isLarge = name === "t1" && random.integer(8) === 0;
      await this.#append(engine, life, isLarge ? LARGE_BYTES : 40 + random.integer(400));
    }
  }

  async #append(engine: LocalLogEngine, life: Life, size: number): Promise<void> {
    const value = `#${life.id}/${life.acknowledged.size}/`.padEnd(size, ".");
    const result = await appendOne(engine, life.id, 0, makeBatch({ values: [value] }));
    if (result.error === null) life.acknowledged.set(result.baseOffset, value);
    else assert.notEqual(life.state, "alive", `${result.error}: ${result.errorMessage}`);
  }

  /** Deletes a topic, sometimes while it gets batches that take several groups. */
  async #deleteAmid(engine: LocalLogEngine, life: Life): Promise<void> {
    const appends: Promise<void>[] = [];
    const isLarge = life.name === "t1";
    for (let i = this.random.integer(3); i > 0; i--) {
      appends.push(this.#append(engine, life, isLarge ? LARGE_BYTES : 40));
    }
    await Promise.all([engine.deleteTopic(life.id), ...appends]);
  }

  async check(engine: LocalLogEngine): Promise<void> {
    for (const life of this.lives) {
      if (life.state === "deleted") {
        engine.openTopic({ topicId: life.id, name: `${life.name}x`, partitions: 1, config: small });
        assert.equal(engine.describe(life.id, 0)!.logEndOffset, 0, "a deleted topic came back");
        await engine.deleteTopic(life.id);
        continue;
      }
      const described = engine.describe(life.id, 0)!;
      // A deletion that was not answered has happened or not.
      if (life.state === "deleting" && described.logEndOffset === 0) continue;
      assert.ok(described.logStartOffset >= life.start, "the log start moved back");
      const found = new Map<number, string>();
      for (const { baseOffset, body } of await readAll(
        engine,
        life.id,
        0,
        described.logStartOffset,
        1_000,
      )) {
        found.set(baseOffset, body);
      }
      for (const body of found.values())
        assert.ok(body.includes(`#${life.id}/`), "a stranger's batch");
      for (const [offset, value] of life.acknowledged) {
        if (offset < described.logStartOffset) continue;
        assert.ok(found.get(offset)?.includes(value), `acknowledged at ${offset}`);
      }
    }
  }
}

for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  test(`LG14 AD2: deletions hold through crashes, seed ${seed}`, { timeout: 5_000 }, async () => {
    const random = new SeededRandom(seed);
    const world = new World(random);
    let disk = new SimulatedFileSystem({ random });
    for (let crash = 0; crash < 5; crash++) {
      const clock = new SimulatedClock();
      let end = () => {};
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      const current = disk;
      current.crashAt(1 + random.integer(400), end);
      try {
        const engine = await open(current, random, clock);
        world.openAll(engine);
        for (let i = 0; i < 150 && !current.isCrashed; i++) {
          await Promise.race([over, world.act(engine, clock)]);
        }
        if (!current.isCrashed && random.integer(2) === 0) await engine.close();
      } catch (error) {
        if (!current.isCrashed) throw error;
      }
      disk = current.crash();
      const engine = await open(disk, random, new SimulatedClock());
      world.openAll(engine);
      await world.check(engine);
      await settle(world, engine);
      await engine.close();
    }
  });
}

/** What a crash left undecided is decided by what it left: appends without an answer stay, and so do topics. */
async function settle(world: World, engine: LocalLogEngine): Promise<void> {
  for (const life of world.lives) {
    if (life.state !== "deleting") continue;
    await engine.deleteTopic(life.id);
    life.state = "deleted";
  }
}
