/**
 * Crashes amid transactions, on the simulated disk. Producers write in and outside transactions to several partitions, coordinators end them, all
 * at once; small memory and small segments make reads cold and checkpoints frequent. After each crash, and after clean stops in between,
 *
 *  - every acknowledged batch and marker is at its offset;
 *  - last stable offset, producers and the aborted transactions of committed reads are those that the batches in the log make;
 *  - after a clean stop the files of aborted transactions and producers say the same.
 *
 * OTTLA_RUNS sets how many seeds are run, OTTLA_SEED the first one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import { baseOffset } from "@ottla/protocol";
import type { LocalLogEngine } from "../src/local-engine.ts";
import { decodeSnapshot } from "../src/producer-snapshot.ts";
import { describeProducers, ProducerStates } from "../src/producer-state.ts";
import {
  appendMarker,
  appendOne,
  config,
  makeBatch,
  openEngine,
  topicId,
} from "../src/test-support.ts";
import { ABORTED_ENTRY_BYTES, decodeAborted } from "../src/transaction-index.ts";
import {
  byId,
  checkPartition,
  modelOf,
  readBatches,
  type TransactionModel,
} from "../src/transaction-model.ts";

const runs = Number(process.env.OTTLA_RUNS ?? 30);
const firstSeed = Number(process.env.OTTLA_SEED ?? 1);
const PARTITIONS = 2;
const PRODUCERS = 5;
const id = topicId(1);
const topic = {
  topicId: id,
  name: "t",
  partitions: PARTITIONS,
  config: { ...config, segmentBytes: 6_000, indexIntervalBytes: 500, retentionMs: -1 },
};
const COORDINATOR = { origin: "coordinator", isTransactional: true } as const;

interface Producer {
  epoch: number;
  /** −1 behind a coordinator's batch, which has none: a new epoch follows. */
  sequence: number;
  isOpen: boolean;
}

function open(fileSystem: SimulatedFileSystem, random: SeededRandom, clock: SimulatedClock) {
  return openEngine({
    fileSystem,
    clock,
    random,
    tailBytes: 6_000,
    journalBufferBytes: 16_384,
    journalFirstFileBytes: 32_768,
    journalFileBytes: 65_536,
    journalMaxBytes: 131_072,
    segmentWriteBytes: 3_000,
    checkpointIntervalMs: 50,
  });
}

class World {
  readonly random: SeededRandom;
  /** Per partition, what was acknowledged: bytes behind the header by base offset. */
  readonly acknowledged: Map<number, string>[] = [];
  /** Per partition, by producer. */
  #producers: Producer[][] = [];
  #next = 0;
  isOver = false;

  constructor(random: SeededRandom) {
    this.random = random;
    for (let i = 0; i < PARTITIONS; i++) this.acknowledged.push(new Map());
  }

  /** Producers go on from what the logs know of them. */
  resume(models: readonly TransactionModel[]): void {
    this.#producers = models.map((model) =>
      Array.from({ length: PRODUCERS }, (_, producerId) => {
        const known = model.producers.find((other) => other.producerId === producerId);
        return {
          epoch: known?.producerEpoch ?? 0,
          sequence:
            known !== undefined && known.lastSequence < 0 ? -1 : (known?.lastSequence ?? -1) + 1,
          isOpen: (known?.currentTxnStartOffset ?? -1) >= 0,
        };
      }),
    );
  }

  /** One append of any kind; always a valid one. */
  async act(engine: LocalLogEngine): Promise<void> {
    const { random } = this;
    const partition = random.integer(PARTITIONS);
    const producerId = random.integer(PRODUCERS);
    const producer = this.#producers[partition]![producerId]!;
    const value = `#${this.#next++}/`.padEnd(
      random.integer(25) === 0 ? 5_500 : random.integer(700),
      ".",
    );
    const choice = random.integer(10);
    if (choice === 0) {
      await this.#note(partition, makeBatch({ values: [value] }), (records) =>
        appendOne(engine, id, partition, records),
      );
    } else if (choice < 4) {
      const bumps = random.integer(2);
      producer.epoch += bumps;
      if (bumps > 0) producer.sequence = 0;
      const wasOpen = producer.isOpen;
      producer.isOpen = false;
      const transactionVersion = bumps > 0 && wasOpen ? 2 : 0;
      const type = random.integer(3) === 0 ? "commit" : "abort";
      const timestampMs = this.#next;
      await this.#note(partition, null, () =>
        appendMarker(
          engine,
          id,
          partition,
          producerId,
          { epoch: producer.epoch, coordinatorEpoch: 3, type, timestampMs },
          { transactionVersion },
        ),
      );
    } else if (choice === 4) {
      // Offsets of a consumer group, say.
      producer.isOpen = true;
      const { epoch } = producer;
      const options = { values: [value], producerId, epoch, sequence: -1, attributes: 0x10 };
      producer.sequence = -1;
      await this.#note(partition, makeBatch(options), (records) =>
        appendOne(engine, id, partition, records, COORDINATOR),
      );
    } else {
      const isTransactional = producer.isOpen || random.integer(3) > 0;
      producer.isOpen = isTransactional;
      if (producer.sequence < 0) {
        producer.epoch++;
        producer.sequence = 0;
      }
      const { epoch, sequence } = producer;
      const values = random.integer(3) === 0 ? [value, "second"] : [value];
      producer.sequence += values.length;
      const attributes = isTransactional ? 0x10 : 0;
      const batch = makeBatch({ values, producerId, epoch, sequence, attributes });
      await this.#note(partition, batch, (records) =>
        appendOne(engine, id, partition, records, { isTransactional }),
      );
    }
  }

  async #note(
    partition: number,
    batch: Buffer | null,
    append: (batch: Buffer | null) => ReturnType<typeof appendOne>,
  ): Promise<void> {
    const body = batch?.toString("latin1", 61) ?? "";
    const result = await append(batch);
    if (this.isOver) return;
    if (result.error === "shuttingDown") return;
    assert.equal(result.error, null, `${result.errorMessage}`);
    this.acknowledged[partition]!.set(result.baseOffset, body);
  }

  /** Holds the engine against the model of what it has; returns the models. */
  async check(engine: LocalLogEngine): Promise<TransactionModel[]> {
    engine.openTopic(topic);
    const models: TransactionModel[] = [];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const batches = await readBatches(engine, id, partition);
      const bodies = new Map(batches.map((b) => [baseOffset(b, 0), b.toString("latin1", 61)]));
      for (const [offset, body] of this.acknowledged[partition]!) {
        assert.ok(bodies.has(offset), `acknowledged at ${offset} but gone`);
        if (body !== "") assert.equal(bodies.get(offset), body);
      }
      for (const [offset, body] of bodies) this.acknowledged[partition]!.set(offset, body);
      const model = modelOf(batches);
      models.push(model);
      assert.deepEqual(byId(engine.describeProducers(id, partition)!), model.producers);
      await checkPartition(engine, id, partition, model, 0, 1_048_576);
      const start = this.random.integer(model.logEnd + 1);
      await checkPartition(engine, id, partition, model, start, 1 + this.random.integer(4_000));
    }
    return models;
  }
}

/** After a clean stop: what tools see. */
async function checkFiles(
  disk: SimulatedFileSystem,
  models: readonly TransactionModel[],
): Promise<void> {
  for (const [partition, model] of models.entries()) {
    if (model.logEnd === 0) continue;
    const directory = `/data/t-${partition}`;
    const names = (await disk.list(directory)).map(({ name }) => name).sort();
    const bases = names
      .filter((name) => name.endsWith(".log"))
      .map((name) => Number(name.slice(0, 20)));
    for (const [i, base] of bases.entries()) {
      const end = bases[i + 1] ?? Infinity;
      const name = String(base).padStart(20, "0");
      const bytes = (await disk.readFile(`${directory}/${name}.txnindex`)) ?? Buffer.alloc(0);
      const found = [];
      for (let at = 0; at < bytes.length; at += ABORTED_ENTRY_BYTES)
        found.push(decodeAborted(bytes, at));
      const expected = model.aborted.filter(
        ({ lastOffset }) => lastOffset >= base && lastOffset < end,
      );
      assert.deepEqual(found, expected, `${name}.txnindex`);
    }
    if (model.producers.length === 0) continue;
    const newest = `${directory}/${String(model.logEnd).padStart(20, "0")}.snapshot`;
    const entries = decodeSnapshot((await disk.readFile(newest))!)!;
    const producers = new ProducerStates();
    for (const entry of entries) producers.restore(entry);
    assert.deepEqual(byId(describeProducers(producers)), model.producers);
  }
}

for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  test(`TX12 LG17: transactions survive crashes, seed ${seed}`, { timeout: 20_000 }, async () => {
    const random = new SeededRandom(seed);
    const world = new World(random);
    let disk = new SimulatedFileSystem({ random });
    let models = [modelOf([]), modelOf([])];
    for (let crash = 0; crash < 4; crash++) {
      world.resume(models);
      world.isOver = false;
      const clock = new SimulatedClock();
      let end = () => {};
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      disk.crashAt(1 + random.integer(250), () => {
        world.isOver = true;
        end();
      });
      try {
        const engine = await open(disk, random, clock);
        engine.openTopic(topic);
        for (let round = 0; round < 40 && !world.isOver; round++) {
          const acts: Promise<void>[] = [];
          for (let i = random.integer(10); i >= 0; i--) acts.push(world.act(engine));
          await Promise.race([Promise.all(acts), over]);
          if (random.integer(4) === 0) await clock.advanceAsync(60);
        }
        if (!world.isOver && random.integer(2) === 0) await engine.close();
      } catch (error) {
        if (!world.isOver) throw error;
      }
      disk = disk.crash();
      const recovered = await open(disk, random, new SimulatedClock());
      models = await world.check(recovered);
      if (random.integer(2) === 0) {
        await recovered.close();
        await checkFiles(disk, models);
        const again = await open(disk, random, new SimulatedClock());
        models = await world.check(again);
      }
      disk = disk.crash();
    }
  });
}
