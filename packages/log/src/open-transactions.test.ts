import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OpenTransactions } from "./open-transactions.ts";

const PRODUCERS = 4;

/** The same by looking at all there ever were. */
class Model {
  readonly all: { producerId: number; firstOffset: number; lastOffset: number }[] = [];
  logEnd = 0;
  highWatermark = 0;

  open(producerId: number) {
    return this.all.find((one) => one.producerId === producerId && one.lastOffset < 0);
  }

  get left() {
    return this.all.filter((one) => one.lastOffset < 0 || one.lastOffset >= this.highWatermark);
  }

  get stable(): number {
    const open = this.all.filter(({ lastOffset }) => lastOffset < 0);
    return Math.min(this.logEnd, ...open.map(({ firstOffset }) => firstOffset));
  }

  truncate(): void {
    const { highWatermark } = this;
    const kept = this.all.filter(({ firstOffset }) => firstOffset < highWatermark);
    for (const one of kept) if (one.lastOffset >= highWatermark) one.lastOffset = -1;
    this.all.splice(0, this.all.length, ...kept);
    this.logEnd = highWatermark;
  }
}

const producer = fc.nat(PRODUCERS - 1);
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("begin" as const), producer }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("end" as const), producer }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("settle" as const), part: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("fail" as const) }) },
);

test("TX11: transactions begin, end, become durable or are taken back in any order", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
      const transactions = new OpenTransactions();
      const model = new Model();
      for (const next of acts) {
        if (next.type === "begin") {
          if (model.open(next.producer) !== undefined) continue;
          transactions.begin(next.producer, model.logEnd);
          const firstOffset = model.logEnd++;
          model.all.push({ producerId: next.producer, firstOffset, lastOffset: -1 });
        } else if (next.type === "end") {
          const open = model.open(next.producer);
          if (open === undefined) continue;
          open.lastOffset = model.logEnd++;
          assert.equal(transactions.end(next.producer, open.lastOffset), model.stable);
        } else if (next.type === "settle") {
          const { logEnd, highWatermark } = model;
          model.highWatermark += Math.round(((logEnd - highWatermark) * next.part) / 100);
          transactions.settle(model.highWatermark);
        } else {
          transactions.truncateTo(model.highWatermark);
          model.truncate();
        }
        assert.equal(transactions.firstOffset, model.left[0]?.firstOffset ?? -1);
        const ids = new Set(model.left.map(({ producerId }) => producerId));
        assert.deepEqual(transactions.producerIds(), ids);
      }
    }),
    { numRuns: Number(process.env.OTTLA_RUNS ?? 1_000) },
  );
});

test("TX11: those of a checkpoint come in any order", () => {
  const transactions = new OpenTransactions();
  for (const firstOffset of [7, 3, 9, 5]) transactions.begin(firstOffset, firstOffset);
  assert.equal(transactions.firstOffset, 3);
  assert.equal(transactions.end(3, 10), 5);
  transactions.settle(11);
  transactions.begin(1, 1);
  assert.equal(transactions.firstOffset, 1);
  assert.equal(transactions.end(5, 11), 1);
  assert.equal(transactions.end(1, 12), 7);
});

for (const order of ["first to last", "last to first"]) {
  test(`TX11: 100,000 transactions that are open together, and end ${order}, take no time`, () => {
    const count = 100_000;
    const transactions = new OpenTransactions();
    const startMs = performance.now();
    const isForward = order === "first to last";
    for (let i = 0; i < count; i++) transactions.begin(i, isForward ? i : count - i);
    for (let i = 0; i < count; i++) {
      transactions.end(i, count + i);
      transactions.settle(count + i);
    }
    transactions.settle(2 * count);
    assert.equal(transactions.firstOffset, -1);
    const elapsedMs = performance.now() - startMs;
    assert.ok(elapsedMs < 2_000, `${elapsedMs} ms`);
  });
}
