/**
 * Crashes amid cleaning, on the simulated disk. Keys are written, overwritten and deleted in and outside transactions to compacted topics of small
 * segments, while the cleaner runs again and again with now and then a map that is full after a few keys. After each crash, after clean stops, and
 * while the cleaner is at work,
 *
 *  - a reader of committed data that starts from nothing holds exactly the last committed value of each key;
 *  - whatever any reader is given was written at that offset;
 *  - what is known of idempotent producers is what they were told.
 *
 * OTTLA_RUNS sets how many seeds are run, OTTLA_SEED the first one.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import {
  BatchBuilder,
  BatchWalker,
  baseOffset,
  type CompressionType,
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  RecordCursor,
  readControlRecord,
} from "@ottla/protocol";
import type { AppendResult, LogConfig, ReadResult } from "../src/engine.ts";
import type { LocalLogEngine } from "../src/local-engine.ts";
import { type LogProbe, noProbe } from "../src/probe.ts";
import {
  appendMarker,
  appendOne,
  config,
  openEngine,
  readRequest,
  topicId,
} from "../src/test-support.ts";

const runs = Number(process.env.OTTLA_RUNS ?? 15);
const firstSeed = Number(process.env.OTTLA_SEED ?? 1);
const PARTITIONS = 2;
const TRANSACTIONAL = [1, 2, 3];
const IDEMPOTENT = 50;
const KEYS = 9;
const id = topicId(1);
const CODECS: readonly CompressionType[] = ["none", "none", "gzip", "lz4", "zstd", "snappy"];

interface Write {
  readonly key: string;
  readonly value: string | null;
}

/** What was appended: records, or the end of a transaction. */
interface Operation {
  readonly base: number;
  readonly count: number;
  readonly producer: number;
  readonly writes: readonly Write[];
  readonly outcome: "commit" | "abort" | null;
}

/** What happened in all runs together, so that a test that cleans nothing is noticed. */
const totals = { rounds: 0, dropped: 0, bytesRead: 0, bytesWritten: 0 };

class World {
  readonly random: SeededRandom;
  readonly clock: SimulatedClock;
  readonly topicConfig: LogConfig;
  readonly operations: Operation[][] = [];
  /** The append under way when the machine stopped. */
  readonly pending: (Operation | null)[] = [];
  /** The process that runs now; one that was killed may still have promises on their way. */
  life = { isOver: false };
  #value = 0;

  constructor(random: SeededRandom, clock: SimulatedClock) {
    this.random = random;
    this.clock = clock;
    for (let i = 0; i < PARTITIONS; i++) {
      this.operations.push([]);
      this.pending.push(null);
    }
    this.topicConfig = {
      ...config,
      cleanupPolicy: { delete: random.integer(3) === 0, compact: true },
      retentionMs: -1,
      segmentBytes: 1_100 + random.integer(2_000),
      indexIntervalBytes: 200,
      minCleanableDirtyRatio: random.integer(3) === 0 ? 0.5 : 0.01,
      deleteRetentionMs: random.integer(2) === 0 ? 0 : random.integer(400),
      minCompactionLagMs: random.integer(4) === 0 ? 100 : 0,
      maxCompactionLagMs: random.integer(4) === 0 ? 150 : Number.POSITIVE_INFINITY,
    };
  }

  end(partition: number): number {
    const last = this.operations[partition]!.at(-1);
    return last === undefined ? 0 : last.base + last.count;
  }

  openTransaction(partition: number, producer: number): boolean {
    const last = this.operations[partition]!.findLast((other) => other.producer === producer);
    return last !== undefined && last.outcome === null;
  }

  /** One append. False once the machine has stopped. */
  async act(engine: LocalLogEngine, partition: number): Promise<boolean> {
    const { random, life } = this;
    const base = this.end(partition);
    const producer = TRANSACTIONAL[random.integer(TRANSACTIONAL.length)]!;
    const choice = random.integer(10);
    let operation: Operation;
    let result: AppendResult;
    if (choice < 3 && this.openTransaction(partition, producer)) {
      const outcome = random.integer(2) === 0 ? "commit" : "abort";
      operation = { base, count: 1, producer, writes: [], outcome };
      this.pending[partition] = operation;
      const marker = { epoch: 0, type: outcome, timestampMs: this.clock.now() } as const;
      result = await appendMarker(engine, id, partition, producer, marker);
    } else {
      const writer = choice < 6 ? producer : choice < 8 ? IDEMPOTENT : -1;
      const writes = Array.from({ length: 1 + random.integer(4) }, () => this.#write());
      operation = { base, count: writes.length, producer: writer, writes, outcome: null };
      this.pending[partition] = operation;
      result = await appendOne(
        engine,
        id,
        partition,
        this.#batch(partition, operation),
        writer > 0 && writer !== IDEMPOTENT ? { origin: "coordinator", isTransactional: true } : {},
      );
    }
    if (life.isOver || result.error === "shuttingDown") return false;
    assert.equal(result.error, null, `${result.errorMessage}`);
    assert.equal(result.baseOffset, base);
    this.pending[partition] = null;
    this.operations[partition]!.push(operation);
    return true;
  }

  #write(): Write {
    const { random } = this;
    const key = `k${random.integer(KEYS)}`.padEnd(random.integer(8) === 0 ? 40 : 2, "+");
    const size = random.integer(30) === 0 ? 200 : random.integer(90);
    const value = random.integer(4) === 0 ? null : `#${this.#value++}/`.padEnd(size, ".");
    return { key, value };
  }

  #batch(partition: number, { producer, writes }: Operation): Buffer {
    const isIdempotent = producer === IDEMPOTENT;
    const builder = new BatchBuilder({
      compression: CODECS[this.random.integer(CODECS.length)]!,
      producerId: producer,
      producerEpoch: producer < 0 ? -1 : 0,
      baseSequence: isIdempotent ? this.sequence(partition) : -1,
      isTransactional: producer > 0 && !isIdempotent,
    });
    for (const { key, value } of writes) {
      const lateness = this.random.integer(20);
      builder.append(this.clock.now() - lateness, key, value);
    }
    return Buffer.from(builder.build());
  }

  /** The next sequence of the idempotent producer. */
  sequence(partition: number): number {
    let next = 0;
    for (const { producer, count } of this.operations[partition]!) {
      if (producer === IDEMPOTENT) next += count;
    }
    return next;
  }

  /** The append that was under way is in the log or not; from here on that is certain. */
  settle(engine: LocalLogEngine): void {
    for (const [partition, operation] of this.pending.entries()) {
      const end = engine.describe(id, partition)!.logEndOffset;
      if (operation !== null && end === operation.base + operation.count) {
        this.operations[partition]!.push(operation);
      }
      this.pending[partition] = null;
      assert.equal(end, this.end(partition), "the log ends where the last append did");
    }
  }

  /** The committed writes below the last stable offset, and where that is. */
  model(partition: number): {
    stable: number;
    values: Map<string, string | null>;
    at: Map<number, Write>;
  } {
    const operations = this.operations[partition]!;
    const open = new Map<number, Operation[]>();
    const committed: Operation[] = [];
    const at = new Map<number, Write>();
    for (const operation of operations) {
      const { producer, writes, base, outcome } = operation;
      for (const [i, write] of writes.entries()) at.set(base + i, write);
      if (outcome === "commit") committed.push(...(open.get(producer) ?? []));
      if (outcome !== null) open.delete(producer);
      else if (!TRANSACTIONAL.includes(producer)) committed.push(operation);
      else open.set(producer, [...(open.get(producer) ?? []), operation]);
    }
    const stable = Math.min(
      this.end(partition),
      ...[...open.values()].map((list) => list[0]!.base),
    );
    const values = new Map<string, string | null>();
    for (const { base, writes } of committed.sort((a, b) => a.base - b.base)) {
      if (base < stable) for (const { key, value } of writes) values.set(key, value);
    }
    return { stable, values, at };
  }

  /** Reads everything in both ways, each in steps of a random size, and holds it against the model. */
  async check(engine: LocalLogEngine): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const { stable, values, at } = this.model(partition);
      const isSettled = this.pending[partition] === null;
      const found = new Map<string, string | null>();
      await this.#read(engine, partition, "committed", at, stable, isSettled, (key, value) =>
        found.set(key, value),
      );
      for (const [key, value] of values) {
        assert.equal(found.get(key) ?? null, value, `the value of ${key}`);
      }
      for (const key of found.keys()) assert.ok(values.has(key), `${key} was not committed`);
      await this.#read(
        engine,
        partition,
        "uncommitted",
        at,
        this.end(partition),
        isSettled,
        () => {},
      );
      const known = engine
        .describeProducers(id, partition)!
        .find((producer) => producer.producerId === IDEMPOTENT);
      if (isSettled) assert.equal((known?.lastSequence ?? -1) + 1, this.sequence(partition));
    }
  }

  /** While nothing is cleaned: a read from anywhere begins with the batch there, or the first one behind. */
  async checkPlaces(engine: LocalLogEngine): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const end = this.end(partition);
      const batches: { readonly base: number; readonly last: number }[] = [];
      for (let offset = 0; offset < end; offset = batches.at(-1)!.last + 1) {
        const [result] = await engine.read(readRequest(id, partition, offset));
        for (const buffer of result!.records) {
          const walker = new BatchWalker(buffer);
          while (walker.next()) {
            const { position: at } = walker;
            batches.push({ base: baseOffset(buffer, at), last: lastOffset(buffer, at) });
          }
        }
      }
      for (let i = 0; i < 10 && end > 0; i++) {
        const offset = this.random.integer(end);
        const partitionMaxBytes = 1 + this.random.integer(500);
        const [result] = await engine.read(
          readRequest(id, partition, offset, { partitionMaxBytes }),
        );
        const wanted = batches.find(({ last }) => last >= offset);
        assert.equal(baseOffset(result!.records[0]!, 0), wanted?.base, `from ${offset}`);
      }
    }
  }

  async #read(
    engine: LocalLogEngine,
    partition: number,
    isolation: "committed" | "uncommitted",
    at: ReadonlyMap<number, Write>,
    end: number,
    isSettled: boolean,
    see: (key: string, value: string | null) => void,
  ): Promise<void> {
    const { life } = this;
    const maxBytes = 1 + this.random.integer(3_000);
    let offset = 0;
    const cursor = new RecordCursor();
    while (offset < end) {
      const options = { isolation, partitionMaxBytes: maxBytes };
      const [result] = await engine.read(readRequest(id, partition, offset, options));
      if (life.isOver) return;
      if (result!.error === "shuttingDown") return;
      assert.equal(result!.error, null);
      assert.ok(result!.sizeBytes > 0, `a ${isolation} reader cannot go on from ${offset}`);
      offset = visit(result!, offset, cursor, (recordOffset) => {
        if (recordOffset >= end) return;
        const write = at.get(recordOffset);
        assert.ok(write !== undefined, `nothing was written at ${recordOffset}`);
        const key = cursor.key()!.toString();
        const value = cursor.value()?.toString() ?? null;
        assert.deepEqual({ key, value }, write, `at ${recordOffset}`);
        see(key, value);
      });
      if (isSettled && isolation === "committed") assert.ok(offset <= end, "beyond what is stable");
    }
  }
}

/** Visits the records that an application would see. Returns where to read next. */
function visit(
  result: ReadResult,
  from: number,
  cursor: RecordCursor,
  see: (offset: number) => void,
): number {
  const aborted = [...(result.abortedTransactions ?? [])];
  const open = new Set<number>();
  let next = from;
  for (const buffer of result.records) {
    const walker = new BatchWalker(buffer);
    while (walker.next()) {
      const batch = buffer.subarray(walker.position, walker.position + walker.size);
      assert.ok(lastOffset(batch, 0) >= from, "a batch that was not asked for");
      next = lastOffset(batch, 0) + 1;
      while (aborted.length > 0 && aborted[0]!.firstOffset < next) {
        open.add(aborted.shift()!.producerId);
      }
      if (isControl(batch, 0)) {
        if (readControlRecord(batch)?.type === "abort") open.delete(producerId(batch, 0));
        continue;
      }
      if (isTransactional(batch, 0) && open.has(producerId(batch, 0))) continue;
      cursor.start(batch, 0);
      while (cursor.next()) if (cursor.offset >= from) see(cursor.offset);
    }
  }
  return next;
}

const probe: LogProbe = {
  ...noProbe,
  cleaned(_topic, _partition, round) {
    totals.rounds++;
    totals.dropped += round.recordsRead - round.recordsKept;
    totals.bytesRead += round.bytesRead;
    totals.bytesWritten += round.bytesWritten;
  },
  uncleanable(_topic, _partition, _bytes, error) {
    throw error;
  },
};

function open(disk: SimulatedFileSystem, world: World): Promise<LocalLogEngine> {
  const { random, clock } = world;
  return openEngine({
    fileSystem: disk,
    clock,
    random,
    probe,
    tailBytes: random.integer(2) === 0 ? 2_000 : 200_000,
    journalBufferBytes: 16_384,
    journalFirstFileBytes: 32_768,
    journalFileBytes: 65_536,
    journalMaxBytes: 131_072,
    segmentWriteBytes: 1_000,
    checkpointIntervalMs: 50,
    cleaner: {
      isEnabled: true,
      dedupeBufferBytes: random.integer(2) === 0 ? 0 : 1_000_000,
      ioBufferBytes: 1_024 + random.integer(4_096),
      ioMaxBytesPerSecond: random.integer(3) === 0 ? 100_000 : Number.POSITIVE_INFINITY,
      backoffMs: 20,
    },
  });
}

async function live(engine: LocalLogEngine, world: World): Promise<void> {
  const { random, clock, life } = world;
  engine.openTopic({ topicId: id, name: "t", partitions: PARTITIONS, config: world.topicConfig });
  const over = () => life.isOver;
  const write = async (partition: number) => {
    for (let i = 0; i < 60 && !over(); i++) {
      if (!(await world.act(engine, partition))) return;
      if (random.integer(3) === 0) await clock.advanceAsync(10 + random.integer(60));
    }
  };
  const rounds = async () => {
    for (let i = 0; i < 6 && !over(); i++) {
      await clock.advanceAsync(30);
      if (random.integer(2) === 0) void engine.maintain().catch(() => {});
    }
  };
  await Promise.all([write(0), write(1), rounds()]);
  if (over()) return;
  // The cleaner may be anywhere now; readers come while it works.
  const cleaning = engine.maintain().catch(() => {});
  const check = world.check(engine);
  check.catch(() => {});
  await check;
  if (over()) return;
  await clock.advanceAsync(1_000);
  void cleaning;
  if (!over()) await world.check(engine);
}

/** Lets time pass until the promise is settled, or the machine stops. */
async function drive(promise: Promise<unknown>, { clock, life }: World): Promise<void> {
  let isSettled = false;
  const watched = promise.finally(() => {
    isSettled = true;
  });
  watched.catch(() => {});
  for (let i = 0; i < 10_000 && !isSettled && !life.isOver; i++) await clock.advanceAsync(100);
  if (life.isOver) return;
  assert.ok(isSettled, "it does not end");
  await watched;
}

for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  test(`LG13 TX12 IP9: cleaning leaves the last value of each key through crashes, seed ${seed}`, {
    timeout: 30_000,
  }, async () => {
    const random = new SeededRandom(seed);
    const clock = new SimulatedClock();
    const world = new World(random, clock);
    let disk = new SimulatedFileSystem({ random });
    for (let crash = 0; crash < 3; crash++) {
      const life = { isOver: false };
      world.life = life;
      const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
      disk.crashAt(1 + random.integer(1_500), () => {
        life.isOver = true;
        stop();
      });
      const run = async () => {
        const engine = await open(disk, world);
        await live(engine, world);
        if (!life.isOver && random.integer(2) === 0) await drive(engine.close(), world);
      };
      const running = run().catch((error: Error) => {
        if (!life.isOver) throw error;
      });
      await Promise.race([running, stopped]);
      life.isOver = true;
      disk = disk.crash();
      world.life = { isOver: false };
      const engine = await open(disk, world);
      engine.openTopic({
        topicId: id,
        name: "t",
        partitions: PARTITIONS,
        config: world.topicConfig,
      });
      world.settle(engine);
      await world.check(engine);
      await world.checkPlaces(engine);
      if (random.integer(2) === 0) {
        await drive(engine.maintain(), world);
        await world.check(engine);
        await world.checkPlaces(engine);
        await engine.close();
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const names = (await disk.list(`/data/t-${partition}`)).map(({ name }) => name);
          const logs = names.filter((name) => name.endsWith(".log"));
          assert.equal(logs.length, engine.describe(id, partition)!.segments, names.join(" "));
        }
      }
      world.life.isOver = true;
      disk = disk.crash();
    }
  });
}

after(() => {
  if (runs < 10) return;
  assert.ok(totals.rounds > runs && totals.dropped > runs, JSON.stringify(totals));
});
