/**
 * Rounds of cleaning over a log in memory, against a model: whatever was written, in whatever parts it is cleaned and with however little memory, a
 * committed reader that starts from nothing holds the last committed value of each key.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BatchBuilder,
  baseOffset,
  buildEndMarker,
  isBatchCrcValid,
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  RecordCursor,
  readControlRecord,
  stampBaseOffset,
} from "@ottla/protocol";
import fc from "fast-check";
import { BatchCleaner } from "./batch-cleaner.ts";
import { DirtyKeys } from "./dirty-keys.ts";
import { OffsetMap } from "./offset-map.ts";
import { type AbortedSpan, TransactionSieve } from "./transaction-sieve.ts";

type Step =
  | { readonly type: "write"; readonly producer: number; readonly keys: readonly Written[] }
  | { readonly type: "end"; readonly producer: number; readonly commit: boolean }
  | {
      readonly type: "clean";
      readonly part: number;
      readonly keys: number;
      readonly waitMs: number;
    };

interface Written {
  readonly key: number;
  readonly isTombstone: boolean;
}

/** Producer 0 has no transactions, the others nothing else. */
const PRODUCERS = 3;
const DELETE_RETENTION_MS = 100;

const written = fc.record({ key: fc.nat(8), isTombstone: fc.boolean() });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("write" as const),
      producer: fc.nat(PRODUCERS - 1),
      keys: fc.array(written, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("end" as const),
      producer: fc.integer({ min: 1, max: PRODUCERS - 1 }),
      commit: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("clean" as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      keys: fc.integer({ min: 1, max: 9 }),
      waitMs: fc.nat(150),
    }),
  },
);

/** A map that is full with so many keys. */
class TinyMap extends OffsetMap {
  readonly #keys: number;

  constructor(keys: number) {
    super(1_000_000, 1);
    this.#keys = keys;
  }

  override put(buffer: Buffer, start: number, end: number, offset: number): boolean {
    if (this.size >= this.#keys && this.get(buffer, start, end) < 0) return false;
    return super.put(buffer, start, end, offset);
  }
}

class Model {
  batches: Buffer[] = [];
  aborted: AbortedSpan[] = [];
  end = 0;
  cleaned = 0;
  nowMs = 0;
  value = 0;
  /** Per producer with an open transaction, its first offset. */
  readonly open = new Map<number, number>();
  /** Committed records in offset order. */
  readonly committed: { offset: number; key: string; value: string | null }[] = [];
  readonly pending = new Map<number, { offset: number; key: string; value: string | null }[]>();
  readonly lastData = new Map<number, number>();

  get lastStable(): number {
    return Math.min(this.end, ...this.open.values());
  }

  run(steps: readonly Step[]): void {
    for (const next of steps) {
      if (next.type === "write") this.#write(next.producer, next.keys);
      else if (next.type === "end") this.#finish(next.producer, next.commit);
      else this.#clean(next.part, next.keys, next.waitMs);
      this.check();
    }
  }

  #write(producer: number, keys: readonly Written[]): void {
    const inTransaction = producer > 0;
    const builder = new BatchBuilder({
      producerId: producer,
      producerEpoch: 0,
      baseSequence: 0,
      isTransactional: inTransaction,
      baseOffset: this.end,
      compression: this.value % 3 === 0 ? "lz4" : "none",
    });
    const list = inTransaction ? (this.pending.get(producer) ?? []) : this.committed;
    if (inTransaction) this.pending.set(producer, list);
    if (inTransaction && !this.open.has(producer)) this.open.set(producer, this.end);
    for (const { key, isTombstone } of keys) {
      const value = isTombstone ? null : `v${this.value++}`;
      builder.append(this.nowMs, `k${key}`, value);
      list.push({ offset: this.end++, key: `k${key}`, value });
    }
    this.batches.push(Buffer.from(builder.build()));
    this.lastData.set(producer, this.end - 1);
  }

  #finish(producer: number, commit: boolean): void {
    const firstOffset = this.open.get(producer);
    if (firstOffset === undefined) return;
    const batch = Buffer.from(
      buildEndMarker({
        type: commit ? "commit" : "abort",
        producerId: producer,
        producerEpoch: 0,
        coordinatorEpoch: 0,
        timestampMs: this.nowMs,
      }),
    );
    stampBaseOffset(batch, 0, this.end);
    this.batches.push(batch);
    if (commit) this.committed.push(...(this.pending.get(producer) ?? []));
    else {
      this.aborted.push({
        producerId: producer,
        firstOffset,
        lastOffset: this.end,
        lastStableOffset: 0,
      });
    }
    this.end++;
    this.open.delete(producer);
    this.pending.delete(producer);
  }

  /** A round that cleans a part of what may be cleaned. */
  #clean(part: number, keys: number, waitMs: number): void {
    this.nowMs += waitMs;
    const stable = this.lastStable;
    const candidates = this.batches.filter((batch) => lastOffset(batch, 0) < stable);
    const taken = candidates.slice(0, Math.ceil(part * candidates.length));
    if (taken.length === 0) return;
    const upTo = lastOffset(taken.at(-1)!, 0) + 1;
    const dirty = new DirtyKeys(
      new TinyMap(keys),
      this.cleaned,
      new TransactionSieve(this.aborted),
    );
    for (const batch of taken) if (!dirty.add(batch, 0)) break;
    if (dirty.end <= this.cleaned) return;
    const group = taken.filter((batch) => baseOffset(batch, 0) < dirty.end);
    const groupEnd = lastOffset(group.at(-1)!, 0) + 1;
    const sieve = new TransactionSieve(this.aborted);
    const cleaner = new BatchCleaner({
      map: dirty.map,
      mapEnd: dirty.end,
      nowMs: this.nowMs,
      deleteRetentionMs: DELETE_RETENTION_MS,
      roundEnd: upTo,
      sieve,
      isLastOfProducer: (id, _epoch, last) => this.lastData.get(id) === last,
    });
    const left = group.flatMap((batch) => cleaner.clean(batch, 0, batch.length) ?? []);
    this.batches = [...left, ...this.batches.slice(group.length)];
    this.aborted = [
      ...sieve.takeKept(),
      ...this.aborted.filter(({ lastOffset: last }) => last >= groupEnd),
    ];
    this.cleaned = dirty.end;
  }

  /** What a committed reader makes of the log. */
  read(): Map<string, { offset: number; value: string | null }> {
    const found = new Map<string, { offset: number; value: string | null }>();
    const stable = this.lastStable;
    const spans = this.aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
    const open = new Set<number>();
    let next = 0;
    let previous = -1;
    const cursor = new RecordCursor();
    for (const batch of this.batches) {
      if (baseOffset(batch, 0) >= stable) break;
      assert.ok(isBatchCrcValid(batch, 0));
      assert.ok(baseOffset(batch, 0) > previous, "batches are in order and do not overlap");
      previous = lastOffset(batch, 0);
      while (next < spans.length && spans[next]!.firstOffset <= previous) {
        open.add(spans[next++]!.producerId);
      }
      if (isControl(batch, 0)) {
        if (readControlRecord(batch)?.type === "abort") open.delete(producerId(batch, 0));
        continue;
      }
      if (isTransactional(batch, 0) && open.has(producerId(batch, 0))) continue;
      cursor.start(batch, 0);
      while (cursor.next()) {
        const value = cursor.value()?.toString() ?? null;
        found.set(cursor.key()!.toString(), { offset: cursor.offset, value });
      }
    }
    return found;
  }

  check(): void {
    const wanted = new Map<string, { offset: number; value: string | null }>();
    const stable = this.lastStable;
    for (const { key, offset, value } of this.committed.toSorted((a, b) => a.offset - b.offset)) {
      if (offset < stable) wanted.set(key, { offset, value });
    }
    const found = this.read();
    for (const [key, { offset, value }] of wanted) {
      const seen = found.get(key);
      if (value === null) assert.equal(seen?.value ?? null, null, `${key} was deleted`);
      else assert.deepEqual(seen, { offset, value }, key);
    }
    for (const key of found.keys()) assert.ok(wanted.has(key), `${key} was never committed`);
    for (const [id, offset] of this.lastData) {
      const batch = this.batches.findLast(
        (candidate) => producerId(candidate, 0) === id && !isControl(candidate, 0),
      );
      assert.equal(batch === undefined ? -1 : lastOffset(batch, 0), offset, `IP9: producer ${id}`);
    }
  }
}

test("LG13 TX12: after any rounds a committed reader holds the last committed value of each key", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      new Model().run(steps);
    }),
    { numRuns: Number(process.env.OTTLA_RUNS ?? 300) },
  );
});

test("LG13: repeated rounds leave one record per key, no tombstones and only markers of what is left", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      model.run(steps);
      for (const producer of [1, 2]) {
        model.run([
          { type: "write", producer, keys: [{ key: 99, isTombstone: false }] },
          { type: "end", producer, commit: true },
        ]);
      }
      model.run([{ type: "write", producer: 0, keys: [{ key: 98, isTombstone: false }] }]);
      for (let i = 0; i < 5; i++) {
        // Dirty again from the start, as after the offset was lost.
        model.cleaned = 0;
        model.run([{ type: "clean", part: 1, keys: 100, waitMs: 150 }]);
      }
      const left = model.read();
      let records = 0;
      let markers = 0;
      const cursor = new RecordCursor();
      for (const batch of model.batches) {
        cursor.start(batch, 0);
        while (cursor.next()) {
          if (isControl(batch, 0)) markers++;
          else records++;
        }
      }
      assert.equal(records, left.size);
      assert.ok([...left.values()].every(({ value }) => value !== null));
      const transactions = model.batches.filter((batch) => isTransactional(batch, 0)).length;
      assert.ok(markers <= transactions - markers, `${markers} markers`);
      assert.equal(model.aborted.length, 0);
    }),
    { numRuns: Number(process.env.OTTLA_RUNS ?? 300) },
  );
});
