/**
 * Several producers side by side on the simulated disk, which stops in the middle of any of its operations, three times. Each producer writes to some of
 * the partitions and to a group of its own in one transaction after the other. At the broker that starts on what is left some ask for the end
 * again that they have heard nothing of, and go on or not; others are new. Then
 *
 *  - what was answered is as it was answered, and what was not is there as a whole or not at all, offsets included;
 *  - each producer's values are in order, and none is there twice;
 *  - no transaction is left open.
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

const runs = Number(process.env.OTTLA_RUNS ?? 12);
const firstSeed = Number(process.env.OTTLA_SEED ?? 1);
const CRASHES = 3;
const PRODUCERS = 4;
const TRANSACTIONS = 6;
/** Enough for a crash in any of them. */
const MAX_OPERATIONS = 250;
const PARTITIONS = [0, 1, 2];

interface Transaction {
  /** Also the offset that it commits for the group. */
  readonly number: number;
  readonly value: string;
  readonly partitions: readonly number[];
  /** Which end was asked for; null before that. */
  commits: boolean | null;
  /** Whether that was answered, or what there is has told. */
  isKnown: boolean;
}

/** One machine: its disk, and the broker that runs on it now. */
class Machine {
  readonly clock = new SimulatedClock();
  readonly random: SeededRandom;
  readonly #seed: number;
  #disk: SimulatedFileSystem;
  #broker: TestBroker | null = null;

  constructor(seed: number) {
    this.#seed = seed;
    this.random = new SeededRandom(seed);
    this.#disk = new SimulatedFileSystem({ random: new SeededRandom(seed + 7) });
  }

  get broker(): TestBroker {
    assert.ok(this.#broker !== null);
    return this.#broker;
  }

  isOneIn(count: number): boolean {
    return this.random.integer(count) === 0;
  }

  async start(): Promise<void> {
    this.#broker = await startBroker(this.#disk, new SeededRandom(this.#seed), this.clock);
  }

  /** Runs until all is done or the disk stops, and starts again on what is left: a process that is killed closes nothing. */
  async runToCrash(tasks: () => readonly Promise<void>[]): Promise<void> {
    const { promise: crashed, resolve: crash } = Promise.withResolvers<void>();
    const disk = this.#disk;
    disk.crashAt(1 + this.random.integer(MAX_OPERATIONS), crash);
    const failsOnlyDead = (cause: unknown) => {
      if (!disk.isCrashed) throw cause;
    };
    const done = tasks().map((task) => task.catch(failsOnlyDead));
    await Promise.race([crashed, Promise.all(done)]);
    this.#disk = disk.crash();
    await this.start();
  }
}

/** The producers of one transactional id, one after the other, and what they did. */
class Side {
  readonly index: number;
  readonly groupId: string;
  readonly generation: Generation;
  readonly #machine: Machine;
  readonly #transactions: Transaction[] = [];
  #producer: TestProducer | null = null;

  constructor(index: number, generation: Generation, machine: Machine) {
    this.index = index;
    this.groupId = `g${index}`;
    this.generation = generation;
    this.#machine = machine;
  }

  /** Goes on at the broker that was started. */
  async start(): Promise<void> {
    const { broker, clock } = this.#machine;
    if (await this.#asksAgain()) return;
    const producer = new TestProducer(broker, `id${this.index}`, this.generation);
    assert.equal(await insist(clock, () => producer.init()), "NONE");
    this.#producer = producer;
  }

  /** TX8: maybe asks for the end that was not answered. True when the same producer then goes on. */
  async #asksAgain(): Promise<boolean> {
    const { broker, clock } = this.#machine;
    const last = this.#transactions.at(-1);
    if (this.#producer === null || last === undefined || last.isKnown) return false;
    const { commits } = last;
    if (commits === null || this.#machine.isOneIn(2)) return false;
    const producer = this.#producer.at(broker);
    assert.equal(await insist(clock, () => producer.end(commits)), "NONE", `end of ${last.value}`);
    last.isKnown = true;
    this.#producer = producer;
    return this.#machine.isOneIn(2);
  }

  async play(): Promise<void> {
    const { broker } = this.#machine;
    for (let i = 0; i < TRANSACTIONS; i++) {
      const transaction = this.#begin();
      await this.#write(transaction);
      if (this.#machine.isOneIn(6)) await broker.services.engine.maintain();
      transaction.commits = !this.#machine.isOneIn(3);
      must(await this.#producer!.end(transaction.commits));
      transaction.isKnown = true;
    }
  }

  #begin(): Transaction {
    const number = this.#transactions.length;
    const partitions = PARTITIONS.filter(() => !this.#machine.isOneIn(3));
    const value = `${this.index}-${number}`;
    const transaction = { number, value, partitions, commits: null, isKnown: false };
    this.#transactions.push(transaction);
    return transaction;
  }

  async #write({ number, value, partitions }: Transaction): Promise<void> {
    const producer = this.#producer!;
    if (this.generation === "old") {
      if (partitions.length > 0) must(...(await producer.add(...partitions)));
      must(await producer.addOffsets(this.groupId));
    }
    const sends = partitions.map((partition) => producer.send(partition, [value]));
    // Or beside the offsets.
    if (this.#machine.isOneIn(2)) await Promise.all(sends);
    const committing = producer.commitOffset(this.groupId, number);
    must(...(await Promise.all(sends)), await committing);
  }

  /** @param values of each partition, as a committed reader is given them */
  async check(values: readonly (readonly string[])[]): Promise<void> {
    const offset = await committedOffset(this.#machine.broker, this.groupId);
    let newest = -1;
    for (const transaction of this.#transactions) {
      const isThere = transaction.partitions.map((at) => values[at]!.includes(transaction.value));
      this.#learn(transaction, isThere[0] ?? offset === transaction.number);
      for (const each of isThere) assert.equal(each, transaction.commits, transaction.value);
      if (transaction.commits) newest = transaction.number;
    }
    assert.equal(offset, newest, `offset of ${this.groupId}`);
    this.#checkOrder(values);
  }

  /** What was not answered is from now on as it was found; what was not ended was aborted. */
  #learn(transaction: Transaction, isThere: boolean): void {
    if (transaction.isKnown) return;
    transaction.commits = transaction.commits === true && isThere;
    transaction.isKnown = true;
  }

  #checkOrder(values: readonly (readonly string[])[]): void {
    for (const [partition, all] of values.entries()) {
      const found = all.filter((value) => value.startsWith(`${this.index}-`));
      const expected = this.#transactions
        .filter(({ commits, partitions }) => commits && partitions.includes(partition))
        .map(({ value }) => value);
      assert.deepEqual(found, expected, `partition ${partition}`);
    }
  }
}

async function run(seed: number): Promise<void> {
  const machine = new Machine(seed);
  await machine.start();
  await createTopic(machine.broker, PARTITIONS.length);
  const sides = Array.from(
    { length: PRODUCERS },
    (_, index) => new Side(index, (seed + index) % 2 === 0 ? "new" : "old", machine),
  );
  for (const side of sides) await side.start();
  for (let crash = 0; crash < CRASHES; crash++) {
    await machine.runToCrash(() => sides.map((side) => side.play()));
    for (const side of sides) await side.start();
    const { broker } = machine;
    const values = await Promise.all(PARTITIONS.map((partition) => readValues(broker, partition)));
    for (const side of sides) await side.check(values);
    await checkNothingIsOpen(broker, PARTITIONS);
  }
  await machine.broker[Symbol.asyncDispose]();
}

test("TX16, TX8, TX13: producers side by side, killed at any instant", async () => {
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    try {
      await run(seed);
    } catch (cause) {
      throw new Error(`OTTLA_SEED=${seed} OTTLA_RUNS=1`, { cause });
    }
  }
});
