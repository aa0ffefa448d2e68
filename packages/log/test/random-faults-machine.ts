/** One machine of the test with random faults: its disk, its clock, the engine that runs on it now, and topics with their models. */
import assert from "node:assert/strict";
import {
  type Cancel,
  type Fault,
  FileSystemError,
  SeededRandom,
  SimulatedClock,
  SimulatedFileSystem,
} from "@ottla/platform";
import type { LogConfig } from "../src/engine.ts";
import type { LocalLogEngine } from "../src/local-engine.ts";
import type { LocalLogOptions } from "../src/options.ts";
import { type LogProbe, noProbe } from "../src/probe.ts";
import { config, openEngine, readRequest, topicId } from "../src/test-support.ts";
import { type FoundRecord, Ledger, PartitionModel, recordsOf } from "./random-faults-model.ts";

/** What happened in all runs together, so that a test in which nothing happens is noticed. */
export const totals = {
  acknowledged: 0,
  refused: 0,
  rejected: 0,
  reads: 0,
  held: 0,
  cleaned: 0,
  crashes: 0,
};

const PARTITIONS = 12;

export interface Topic {
  readonly id: string;
  readonly name: string;
  readonly config: LogConfig;
  readonly partitions: readonly PartitionModel[];
  isDeleted: boolean;
}

/** One process. What is answered after its end says nothing any more: nobody has heard it. */
export class Life {
  isOver = false;
  /** Appends without an answer. */
  pending = 0;
  readonly over: Promise<void>;
  #resolve = () => {};

  constructor() {
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  end(): void {
    this.isOver = true;
    this.#resolve();
  }
}

export class Machine {
  readonly random: SeededRandom;
  readonly ledger = new Ledger();
  /** Those that are not deleted. */
  readonly topics: Topic[] = [];
  /** Size of the memory of one group commit. */
  readonly groupBytes: number;
  life = new Life();
  clock = new SimulatedClock();
  disk: SimulatedFileSystem;
  /** A call of the disk takes up to four times as many turns of the event loop. */
  slowness: number;
  engine!: LocalLogEngine;
  readonly #options: Partial<LocalLogOptions>;
  readonly #faults: Cancel[] = [];
  #topicCount = 0;
  #failure: Error | null = null;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.slowness = this.draw(3);
    this.disk = new SimulatedFileSystem({ random: this.random, delay: () => this.#delay() });
    this.groupBytes = this.pick([8_192, 16_384, 32_768]);
    this.#options = this.#drawOptions();
  }

  /** A number from 0, below `count`. */
  draw(count: number): number {
    return this.random.integer(count);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.draw(choices.length)]!;
  }

  /** Starts a process, now and then after one that crashes while it starts. */
  async open(): Promise<void> {
    if (this.draw(4) === 0) await this.#crashAtStart();
    this.life = new Life();
    this.engine = await this.#openEngine(this.life);
    for (const topic of this.topics) this.#announce(topic);
    if (this.draw(2) === 0) await this.engine.removeUnknownTopics();
  }

  addTopic(): Topic {
    const number = ++this.#topicCount;
    const name = `t${number}`;
    const isCompacted = this.draw(3) === 0;
    const expires = this.draw(4) === 0;
    const topic: Topic = {
      id: topicId(number),
      name,
      config: {
        ...config,
        cleanupPolicy: { delete: !isCompacted, compact: isCompacted },
        maxMessageBytes: 10_000_000,
        segmentBytes: this.pick([30_000, 200_000]),
        indexIntervalBytes: 700,
        retentionMs: expires ? 1 : -1,
        fileDeleteDelayMs: 100,
        minCleanableDirtyRatio: 0,
      },
      partitions: Array.from(
        { length: 1 + this.draw(PARTITIONS) },
        (_, i) => new PartitionModel(`${name}/${i}`, this.ledger),
      ),
      isDeleted: false,
    };
    if (expires) for (const model of topic.partitions) model.askStart(Number.POSITIVE_INFINITY);
    this.topics.push(topic);
    this.#announce(topic);
    return topic;
  }

  /** Makes some of the next calls of the disk fail. */
  breakDisk(operation: Fault["operation"], path: (path: string) => boolean = () => true): void {
    const [nth, count] = [1 + this.draw(4), 1 + this.draw(4)];
    this.#faults.push(this.disk.inject({ operation, code: "io", nth, count, path }));
  }

  mendDisk(): void {
    for (const cancel of this.#faults.splice(0)) cancel();
    this.disk.crashAt(Number.POSITIVE_INFINITY);
    this.disk.capacityBytes = Number.POSITIVE_INFINITY;
  }

  /** Stops by a close or by a crash, as drawn, unless it has crashed; the next engine is not opened yet. */
  async stop(): Promise<void> {
    const closes = !this.life.isOver && this.draw(3) > 0;
    if (closes) await this.#close();
    if (!closes || this.life.isOver) this.#crash();
    this.life.end();
    this.mendDisk();
  }

  /** Closes the engine amid whatever goes on; in its middle the disk may crash. All that waits is answered. */
  async #close(): Promise<void> {
    const { life } = this;
    life.pending++;
    this.engine
      .close()
      .catch((error: unknown) => {
        if (!life.isOver) this.fail(error);
      })
      .finally(() => life.pending--);
    await this.settle();
  }

  /** Passes time until all calls are answered. */
  async settle(): Promise<void> {
    const { life, clock } = this;
    for (let i = 0; life.pending > 0 && !life.isOver; i++) {
      await clock.advanceAsync(50);
      await this.turns(5);
      assert.ok(i < 2_000, `${life.pending} calls hang`);
    }
    this.failIfBroken();
  }

  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Notes what went wrong where nobody waits; the run fails soon after. */
  readonly fail = (error: unknown): void => {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
  };

  /** Looks after a call that is not waited for, and that may fail as the disk does. */
  watch(call: Promise<unknown>): void {
    const { life } = this;
    call.catch((error: unknown) => {
      if (!life.isOver && !isDiskTrouble(error)) this.fail(error);
    });
  }

  failIfBroken(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Holds all that can be read against the models. */
  async check(hasRestarted: boolean): Promise<void> {
    for (const { id, partitions } of this.topics) {
      for (const [i, model] of partitions.entries()) {
        const { logStartOffset, highWatermark, logEndOffset } = this.engine.describe(id, i)!;
        assert.equal(highWatermark, logEndOffset, `${model.name}: all was answered`);
        const found = await this.#readWhole(id, i, logStartOffset);
        if (hasRestarted) model.restart(found);
        model.checkWhole(found, logStartOffset, highWatermark);
      }
    }
  }

  #openEngine(life: Life): Promise<LocalLogEngine> {
    const { random, clock, disk } = this;
    const simulated = { random, clock, fileSystem: disk, probe: this.#probe(life) };
    return openEngine({ ...this.#options, ...simulated });
  }

  async #crashAtStart(): Promise<void> {
    const life = new Life();
    this.disk.crashAt(1 + this.draw(30), () => life.end());
    // What it waits for after the crash never comes.
    const opened = this.#openEngine(life).catch((error: unknown) => {
      if (!life.isOver) throw error;
    });
    await Promise.race([opened, life.over]);
    life.end();
    this.#crash();
  }

  #crash(): void {
    totals.crashes++;
    this.disk = this.disk.crash();
    this.clock = new SimulatedClock(this.clock.now() + 1_000);
  }

  async #readWhole(id: string, partition: number, from: number): Promise<FoundRecord[]> {
    const whole: FoundRecord[] = [];
    for (let offset = from; ; ) {
      const [result] = await this.engine.read(readRequest(id, partition, offset));
      assert.equal(result!.error, null);
      if (result!.sizeBytes === 0) return whole;
      const found = recordsOf(result!.records);
      whole.push(...found.filter((record) => record.offset >= offset));
      offset = found.at(-1)!.offset + 1;
      result!.release?.();
    }
  }

  #announce({ id, name, partitions, config }: Topic): void {
    this.engine.openTopic({ topicId: id, name, partitions: partitions.length, config });
  }

  async #delay(): Promise<void> {
    if (this.slowness > 0) await this.turns(this.draw(4 * this.slowness));
  }

  #drawOptions(): Partial<LocalLogOptions> {
    return {
      tailBytes: this.pick([500, 4_000, 20_000, 60_000, 200_000]),
      journalBufferBytes: this.groupBytes,
      journalFirstFileBytes: 2 * this.groupBytes,
      journalFileBytes: 4 * this.groupBytes,
      journalMaxBytes: 32 * this.groupBytes,
      segmentWriteBytes: this.pick([1_000, 6_000, 50_000]),
      checkpointIntervalMs: 200,
      retryDelayMs: this.pick([0, 300]),
      maxOpenFiles: 1 + this.draw(20),
      cleaner: {
        isEnabled: true,
        dedupeBufferBytes: 1_048_576,
        ioBufferBytes: 65_536,
        ioMaxBytesPerSecond: Number.POSITIVE_INFINITY,
        backoffMs: 100,
      },
    };
  }

  #probe(life: Life): LogProbe {
    return {
      ...noProbe,
      storageFailed: (error) => {
        if (!life.isOver && !isDiskTrouble(error)) this.fail(error);
      },
      corrupted: (path, at, detail) => this.fail(new Error(`corrupt ${path} at ${at}: ${detail}`)),
      cleaned: () => {
        totals.cleaned++;
      },
      uncleanable: (topic, partition, _size, error) => {
        if (!life.isOver)
          this.fail(new Error(`${topic}/${partition} is uncleanable`, { cause: error }));
      },
    };
  }
}

/** Whether an error comes from a call of the disk, rather than from a mistake. */
function isDiskTrouble(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof FileSystemError) return true;
  }
  return false;
}
