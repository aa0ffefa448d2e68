/** What the tests of the cleaner share: an engine over one compacted topic, its records as text. */
import assert from "node:assert/strict";
import {
  MemoryFileSystem,
  SeededRandom,
  SimulatedClock,
  type SimulatedFileSystem,
} from "@ottla/platform";
import { BatchBuilder, BatchWalker, isControl, lastOffset, RecordCursor } from "@ottla/protocol";
import type { LogConfig, ReadResult } from "../engine.ts";
import type { LocalLogEngine } from "../local-engine.ts";
import type { LocalLogOptions } from "../options.ts";
import { type CleaningRound, noProbe } from "../probe.ts";
import {
  appendMarker,
  appendOne,
  config,
  openEngine,
  readRequest,
  topicId,
} from "../test-support.ts";

export const id = topicId(1);
/** One batch of one small record fills a segment. */
export const compacted: LogConfig = {
  ...config,
  cleanupPolicy: { delete: false, compact: true },
  segmentBytes: 100,
  minCleanableDirtyRatio: 0,
  indexIntervalBytes: 1,
  retentionMs: -1,
};
const COORDINATOR = { origin: "coordinator", isTransactional: true } as const;

/** An engine that cleans only when told to, with one compacted topic. */
export class Setup {
  readonly fileSystem: MemoryFileSystem | SimulatedFileSystem;
  readonly clock = new SimulatedClock(1_000_000);
  readonly rounds: CleaningRound[] = [];
  readonly uncleanable: string[] = [];
  engine!: LocalLogEngine;
  readonly #options: Partial<LocalLogOptions>;

  constructor(
    fileSystem: MemoryFileSystem | SimulatedFileSystem = new MemoryFileSystem(),
    options: Partial<LocalLogOptions> = {},
  ) {
    this.fileSystem = fileSystem;
    this.#options = options;
  }

  async open(topicConfig: LogConfig = compacted): Promise<this> {
    this.engine = await openEngine({
      fileSystem: this.fileSystem,
      clock: this.clock,
      random: new SeededRandom(1),
      probe: {
        ...noProbe,
        cleaned: (_topic, _partition, round) => this.rounds.push(round),
        uncleanable: (topic, partition) => this.uncleanable.push(`${topic}-${partition}`),
      },
      checkpointIntervalMs: 1e9,
      ...this.#options,
    });
    this.engine.openTopic({ topicId: id, name: "t", partitions: 1, config: topicConfig });
    return this;
  }

  /** Appends one record in a batch of its own; null deletes the key. */
  async put(
    key: string,
    value: string | null,
    options: { timestampMs?: number; producerId?: number; sequence?: number } = {},
  ): Promise<number> {
    const isTransactional = options.producerId !== undefined && options.sequence === undefined;
    const builder = new BatchBuilder({
      producerId: options.producerId ?? -1,
      producerEpoch: options.producerId === undefined ? -1 : 0,
      baseSequence: options.sequence ?? -1,
      isTransactional,
    });
    builder.append(options.timestampMs ?? this.clock.now(), key, value);
    const records = Buffer.from(builder.build());
    const request = isTransactional ? COORDINATOR : {};
    const result = await appendOne(this.engine, id, 0, records, request);
    assert.equal(result.error, null);
    return result.baseOffset;
  }

  async end(producerId: number, type: "commit" | "abort"): Promise<void> {
    const timestampMs = this.clock.now();
    const result = await appendMarker(this.engine, id, 0, producerId, {
      epoch: 0,
      type,
      timestampMs,
    });
    assert.equal(result.error, null);
  }

  /** `offset:key=value` of every record that a reader is given from `from` on. */
  async read(from = 0, isolation: "committed" | "uncommitted" = "uncommitted"): Promise<string[]> {
    const found: string[] = [];
    for (let offset = from; ; ) {
      const [result] = await this.engine.read(readRequest(id, 0, offset, { isolation }));
      assert.equal(result!.error, null);
      if (result!.sizeBytes === 0) return found;
      offset = visit(result!, (batch) => {
        if (isControl(batch, 0)) return;
        const cursor = new RecordCursor();
        cursor.start(batch, 0);
        while (cursor.next()) found.push(`${cursor.offset}:${cursor.key()}=${cursor.value()}`);
      });
    }
  }

  async names(ending: string): Promise<string[]> {
    const names = (await this.fileSystem.list("/data/t-0")).map(({ name }) => name);
    return names.filter((name) => name.endsWith(ending)).sort();
  }
}

/** Returns the offset behind the last batch. */
export function visit(result: ReadResult, see: (batch: Buffer) => void): number {
  let next = 0;
  for (const buffer of result.records) {
    const walker = new BatchWalker(buffer);
    while (walker.next()) {
      const batch = buffer.subarray(walker.position, walker.position + walker.size);
      see(batch);
      next = lastOffset(batch, 0) + 1;
    }
  }
  return next;
}
