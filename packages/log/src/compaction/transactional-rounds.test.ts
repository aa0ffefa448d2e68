/**
 * Transactions of several producers in a compacted log that is cleaned, shortened, stopped and killed at any operation of the disk; for every third
 * seed files of segments fail now and then, too. After each act a committed reader from the start holds what was committed, and each producer is
 * remembered.
 *
 * OTTLA_RUNS sets how many seeds are run, OTTLA_SEED the first one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Fault, SeededRandom, SimulatedFileSystem } from "@ottla/platform";
import {
  BatchBuilder,
  type CompressionType,
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  RecordCursor,
  readControlRecord,
} from "@ottla/protocol";
import type { LogConfig, ReadResult } from "../engine.ts";
import type { LocalLogOptions } from "../options.ts";
import { appendMarker, appendOne, readRequest } from "../test-support.ts";
import { compacted, id, Setup, visit } from "./cleaner-setup.ts";
import {
  CommittedModel,
  type SentBatch,
  tableOf,
  type Writer,
  type Written,
} from "./committed-model.ts";

const runs = Number(process.env.OTTLA_RUNS ?? 12);
const firstSeed = Number(process.env.OTTLA_SEED ?? 1);
const STEPS = 120;
const WRITERS = 4;
const KEYS = 12;
const COMPRESSIONS: readonly CompressionType[] = ["none", "lz4", "gzip", "zstd", "snappy"];
const FAILING: readonly Fault["operation"][] = [
  "write",
  "sync",
  "rename",
  "create",
  "remove",
  "read",
  "open",
];

type Act =
  | "append"
  | "end"
  | "repeat"
  | "clean"
  | "stop"
  | "kill"
  | "killAmidCleaning"
  | "shorten"
  | "failFiles";

/** How often each act is drawn, by its weight. */
const WEIGHTS: readonly (readonly [Act, number])[] = [
  ["append", 27],
  ["end", 12],
  ["repeat", 3],
  ["clean", 6],
  ["stop", 3],
  ["kill", 3],
  ["killAmidCleaning", 3],
  ["shorten", 1],
  ["failFiles", 2],
];

/** One log and what is done to it. */
class Load {
  readonly random: SeededRandom;
  readonly model = new CommittedModel(WRITERS);
  readonly acts: readonly Act[];
  readonly #config: LogConfig;
  readonly #options: Partial<LocalLogOptions>;
  disk: SimulatedFileSystem;
  setup: Setup;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.disk = new SimulatedFileSystem({ random: new SeededRandom(seed) });
    const isShortened = seed % 2 === 0;
    const fails = seed % 3 === 0;
    this.acts = WEIGHTS.filter(
      ([act]) => (act !== "shorten" || isShortened) && (act !== "failFiles" || fails),
    ).flatMap(([act, weight]) => Array.from({ length: weight }, () => act));
    this.#config = this.#drawConfig(isShortened);
    this.#options = this.#drawOptions();
    this.setup = new Setup(this.disk, this.#options);
  }

  #drawConfig(isShortened: boolean): LogConfig {
    return {
      ...compacted,
      cleanupPolicy: { delete: isShortened, compact: true },
      segmentBytes: this.oneOf([450, 700, 1_500]),
      indexIntervalBytes: this.oneOf([1, 200]),
      deleteRetentionMs: this.oneOf([0, 1_000, 100_000]),
      minCleanableDirtyRatio: this.oneOf([0, 0.3]),
      timestampAfterMaxMs: Number.POSITIVE_INFINITY,
    };
  }

  #drawOptions(): Partial<LocalLogOptions> {
    return {
      tailBytes: this.oneOf([0, 1_048_576]),
      segmentWriteBytes: this.oneOf([1, 300, 30_000]),
      cleaner: {
        isEnabled: true,
        dedupeBufferBytes: this.oneOf([66_000, 1_000_000]),
        ioBufferBytes: 8192,
        ioMaxBytesPerSecond: Number.POSITIVE_INFINITY,
        backoffMs: 1e9,
      },
    };
  }

  oneOf<T>(list: readonly T[]): T {
    return list[this.random.integer(list.length)]!;
  }

  isOneIn(count: number): boolean {
    return this.random.integer(count) === 0;
  }

  async open(): Promise<void> {
    await this.setup.open(this.#config);
  }

  async run(act: Act): Promise<void> {
    this.setup.clock.advance(this.random.integer(300));
    await this[act]();
    assert.deepEqual(this.setup.uncleanable, []);
  }

  async append(): Promise<void> {
    const { model } = this;
    const writer = this.oneOf(model.writers);
    const records = Array.from({ length: 1 + this.random.integer(4) }, (_, i) =>
      this.#drawRecord(model.logEnd + i),
    );
    const sent = {
      bytes: this.#encode(writer, records),
      baseOffset: model.logEnd,
      transactionVersion: this.oneOf([0, 2] as const),
    };
    await this.#send(writer, sent);
    model.appended(writer, records, sent);
  }

  async #send(writer: Writer, sent: SentBatch): Promise<void> {
    const { isTransactional } = writer;
    const { bytes, baseOffset, transactionVersion } = sent;
    const result = await appendOne(this.setup.engine, id, 0, Buffer.from(bytes), {
      isTransactional,
      transactionVersion,
    });
    assert.deepEqual([result.error, result.baseOffset], [null, baseOffset]);
  }

  #drawRecord(offset: number): Written {
    const padding = this.isOneIn(5) ? "x".repeat(40) : "";
    const key = `k${this.random.integer(KEYS)}${padding}`;
    return { offset, key, value: this.isOneIn(4) ? null : `v${offset}` };
  }

  #encode(writer: Writer, records: readonly Written[]): Buffer {
    const builder = new BatchBuilder({
      producerId: writer.id,
      producerEpoch: writer.epoch,
      baseSequence: writer.nextSequence,
      isTransactional: writer.isTransactional,
      compression: this.oneOf(COMPRESSIONS),
    });
    const now = this.setup.clock.now();
    for (const { key, value } of records) {
      builder.append(now - this.random.integer(1_000), key, value);
    }
    return Buffer.from(builder.build());
  }

  /** Mostly of a transaction that is open; a coordinator that starts again ends what is no more. */
  async end(): Promise<void> {
    const { model, setup } = this;
    const writer = this.oneOf(model.writers.slice(1));
    if (writer.openOffset < 0 && !this.isOneIn(3)) return;
    const transactionVersion = this.oneOf([0, 2] as const);
    const type = this.oneOf(["commit", "abort"] as const);
    const epoch = transactionVersion === 2 ? writer.epoch + 1 : writer.epoch;
    const marker = { epoch, type, timestampMs: setup.clock.now() };
    const options = { transactionVersion };
    const result = await appendMarker(setup.engine, id, 0, writer.id, marker, options);
    assert.deepEqual([result.error, result.baseOffset], [null, model.logEnd]);
    model.ended(writer, epoch, type === "commit" ? "committed" : "aborted");
  }

  /** IP1: a batch that is sent again is answered with where it is. */
  async repeat(): Promise<void> {
    const writer = this.oneOf(this.model.writers);
    if (writer.newest !== null) await this.#send(writer, writer.newest);
  }

  async clean(): Promise<void> {
    await this.setup.engine.maintain();
  }

  async stop(): Promise<void> {
    await this.setup.engine.close();
    await this.#startAgain();
  }

  async kill(): Promise<void> {
    this.disk = this.disk.crash();
    await this.#startAgain();
  }

  async killAmidCleaning(): Promise<void> {
    this.disk.crashAt(1 + this.random.integer(80));
    await this.clean();
    await this.kill();
  }

  async #startAgain(): Promise<void> {
    const now = this.setup.clock.now();
    this.setup = new Setup(this.disk, this.#options);
    this.setup.clock.advance(now + 10 - this.setup.clock.now());
    await this.open();
  }

  /** Deletes records, maybe amid cleaning. */
  async shorten(): Promise<void> {
    const { engine } = this.setup;
    const described = engine.describe(id, 0);
    if (described === null) return;
    const { logStartOffset, logEndOffset } = described;
    const beforeOffset = logStartOffset + this.random.integer(logEndOffset - logStartOffset + 1);
    const cleaning = this.isOneIn(2) ? engine.maintain() : null;
    const [result] = await engine.deleteRecords([{ topicId: id, partition: 0, beforeOffset }]);
    assert.equal(result!.error, null);
    await cleaning;
  }

  async failFiles(): Promise<void> {
    const { clock, engine } = this.setup;
    const cancel = this.disk.inject({
      operation: this.oneOf(FAILING),
      code: this.oneOf(["io", "no-space"]),
      count: 1 + this.random.integer(6),
      path: (path) => !path.includes("commit-journal"),
    });
    const cleaning = engine.maintain();
    await clock.advanceAsync(this.random.integer(40_000));
    cancel();
    await clock.advanceAsync(2_000);
    await cleaning;
  }
}

async function check({ setup, model, random }: Load): Promise<void> {
  const described = setup.engine.describe(id, 0);
  if (described === null) return assert.equal(model.logEnd, 0);
  const start = described.logStartOffset;
  const stable = Math.max(model.lastStable, start);
  assert.equal(described.logEndOffset, model.logEnd);
  assert.equal(described.lastStableOffset, stable);
  const found = await readCommitted(setup, start, stable, random);
  const committed = model.committed(start, stable);
  const known = new Map(committed.map((record) => [record.offset, record]));
  for (const record of found) assert.deepEqual(record, known.get(record.offset));
  assert.equal(new Set(found.map(({ offset }) => offset)).size, found.length, "given twice");
  assert.deepEqual(tableOf(found), tableOf(committed));
  checkWriters(setup, model);
}

/** IP6, IP9. */
function checkWriters(setup: Setup, model: CommittedModel): void {
  const known = setup.engine.describeProducers(id, 0)!;
  for (const writer of model.writers.filter(({ hasWritten }) => hasWritten)) {
    const found = known.find((producer) => producer.producerId === writer.id);
    assert.deepEqual(
      [found?.producerEpoch, found?.lastSequence, found?.currentTxnStartOffset],
      [writer.epoch, writer.nextSequence - 1, writer.openOffset],
      `producer ${writer.id}`,
    );
  }
}

/** What a committed reader is given from the log start on, in reads of any size. */
async function readCommitted(
  setup: Setup,
  start: number,
  stable: number,
  random: SeededRandom,
): Promise<Written[]> {
  const found: Written[] = [];
  for (let offset = start; ; ) {
    const [result] = await setup.engine.read(
      readRequest(id, 0, offset, {
        isolation: "committed",
        partitionMaxBytes: 1 + random.integer(2_000),
      }),
    );
    assert.equal(result!.error, null);
    assert.ok(offset <= stable);
    if (result!.sizeBytes === 0) return found;
    offset = takeCommitted(result!, start, found);
    result!.release?.();
  }
}

/** Leaves out what a client would. Returns the offset behind the last batch. */
function takeCommitted(result: ReadResult, start: number, found: Written[]): number {
  const waiting = [...result.abortedTransactions!];
  const aborted = new Set<number>();
  const cursor = new RecordCursor();
  return visit(result, (batch) => {
    while (waiting.length > 0 && waiting[0]!.firstOffset <= lastOffset(batch, 0)) {
      aborted.add(waiting.shift()!.producerId);
    }
    const producer = producerId(batch, 0);
    if (isControl(batch, 0)) {
      if (readControlRecord(batch)?.type === "abort") aborted.delete(producer);
      return;
    }
    if (isTransactional(batch, 0) && aborted.has(producer)) return;
    cursor.start(batch, 0);
    while (cursor.next()) {
      const { offset } = cursor;
      const value = cursor.value()?.toString() ?? null;
      if (offset >= start) found.push({ offset, key: String(cursor.key()), value });
    }
  });
}

async function run(seed: number): Promise<void> {
  const load = new Load(seed);
  await load.open();
  for (let step = 0; step < STEPS; step++) {
    const act = load.oneOf(load.acts);
    try {
      await load.run(act);
      await check(load);
    } catch (cause) {
      throw new Error(`OTTLA_SEED=${seed} OTTLA_RUNS=1, step ${step}: ${act}`, { cause });
    }
  }
  await load.setup.engine.close();
}

test("TX11 LG13 IP6: whatever happens to a compacted log, committed readers hold what was committed", async () => {
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) await run(seed);
});
