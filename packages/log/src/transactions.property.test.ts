/**
 * Producers, coordinators and a failing disk against a model of Kafka's rules: what is refused and why, and what readers of committed data see.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import fc from "fast-check";
import type { LogErrorKind } from "./engine.ts";
import { appendMarker, appendOne, config, makeBatch, openEngine, topicId } from "./test-support.ts";
import { byId, checkPartition, modelOf, readBatches } from "./transaction-model.ts";

const runs = Number(process.env.OTTLA_RUNS ?? 60);
const seed = Number(process.env.OTTLA_SEED ?? 20_000);
const id = topicId(1);
const topic = { topicId: id, name: "t", partitions: 1, config: { ...config, segmentBytes: 900 } };

interface Known {
  epoch: number;
  /** Sequences of the remembered batches of this epoch, newest last, with their offsets. */
  batches: { first: number; last: number; offset: number }[];
  coordinatorEpoch: number;
  isOpen: boolean;
}

type Act =
  | {
      readonly kind: "send";
      readonly producer: number;
      readonly epochStep: number;
      readonly sequenceStep: number;
      readonly records: number;
      readonly isTransactional: boolean;
      readonly version: 0 | 2;
    }
  | {
      readonly kind: "end";
      readonly producer: number;
      readonly epochStep: number;
      readonly coordinatorEpoch: number;
      readonly isAbort: boolean;
      readonly version: 0 | 2;
    }
  | { readonly kind: "plain" }
  | { readonly kind: "fail" }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "restart" };

const producer = fc.integer({ min: 0, max: 2 });
const version = fc.constantFrom<0 | 2>(0, 2);
const epochStep = fc.constantFrom(0, 0, 0, 1, -1);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      producer,
      epochStep,
      sequenceStep: fc.constantFrom(0, 0, 0, 0, 1, -1, -2),
      records: fc.integer({ min: 1, max: 2 }),
      isTransactional: fc.constantFrom(true, true, true, false),
      version,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      producer,
      epochStep: fc.constantFrom(0, 0, 1, 1, -1),
      coordinatorEpoch: fc.constantFrom(1, 1, 1, 2),
      isAbort: fc.boolean(),
      version,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("plain" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("checkpoint" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

function fresh(): Known {
  return { epoch: -1, batches: [], coordinatorEpoch: -1, isOpen: false };
}

/** The offset of the batch that is repeated, or why the batch is refused; null when it is appended. */
function judgeSend(
  known: Known,
  epoch: number,
  first: number,
  last: number,
  isTransactional: boolean,
  startsAtZero: boolean,
): LogErrorKind | number | null {
  const { batches } = known;
  if (epoch === known.epoch) {
    const repeated = batches
      .slice(-5)
      .find((batch) => batch.first === first && batch.last === last);
    if (repeated !== undefined) return repeated.offset;
  }
  if (epoch < known.epoch) return "invalidProducerEpoch";
  if (startsAtZero && isTransactional && batches.length === 0 && first !== 0) {
    return "outOfOrderSequence";
  }
  if (known.epoch >= 0) {
    const expected = epoch > known.epoch ? 0 : (batches.at(-1)?.last ?? -1) + 1;
    if (first !== expected) return "outOfOrderSequence";
  }
  return known.isOpen && !isTransactional ? "invalidTransactionState" : null;
}

function judgeEnd(
  known: Known,
  epoch: number,
  coordinatorEpoch: number,
  version: number,
): LogErrorKind | null {
  if (epoch < known.epoch) return "invalidProducerEpoch";
  if (version === 2 && epoch === known.epoch && known.isOpen) return "invalidProducerEpoch";
  return coordinatorEpoch < known.coordinatorEpoch ? "coordinatorFenced" : null;
}

test("TX7 TX10 TX11 IP1–IP4: any mix of producers, markers and failures goes as the model says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 60 }), async (acts) => {
      const clock = new SimulatedClock();
      const disk = new SimulatedFileSystem({ random: new SeededRandom(1) });
      const open = () => openEngine({ fileSystem: disk, clock, segmentWriteBytes: 300 });
      let engine = await open();
      engine.openTopic(topic);
      const known = [fresh(), fresh(), fresh()];
      let logEnd = 0;
      for (const step of acts) {
        if (step.kind === "plain") {
          await appendOne(engine, id, 0, makeBatch());
          logEnd++;
        } else if (step.kind === "checkpoint") {
          await clock.advanceAsync(40_000);
        } else if (step.kind === "restart") {
          await engine.close();
          engine = await open();
          engine.openTopic(topic);
        } else if (step.kind === "fail") {
          // What follows in the same turn fails with it, and is as if it had never been.
          disk.inject({
            operation: "write",
            code: "io",
            path: (p) => p.includes("commit-journal"),
          });
          const lost = [
            appendOne(engine, id, 0, makeBatch()),
            ...known.flatMap(({ epoch }, producerId) => [
              appendMarker(engine, id, 0, producerId, {
                epoch: epoch + 1,
                type: "abort",
                coordinatorEpoch: 9,
              }),
              appendOne(
                engine,
                id,
                0,
                makeBatch({ producerId, epoch: epoch + 1, sequence: 0, attributes: 0x10 }),
                { isTransactional: true },
              ),
            ]),
          ];
          for (const { error } of await Promise.all(lost)) assert.equal(error, "storage");
        } else if (step.kind === "send") {
          const state = known[step.producer]!;
          const { isTransactional, records } = step;
          const epoch = Math.max(0, state.epoch + step.epochStep);
          const next = epoch > state.epoch ? 0 : (state.batches.at(-1)?.last ?? -1) + 1;
          const first = Math.max(0, next + step.sequenceStep);
          const last = first + records - 1;
          const judged = judgeSend(state, epoch, first, last, isTransactional, step.version === 2);
          const batch = makeBatch({
            values: Array.from({ length: records }, () => "v".repeat(40)),
            producerId: step.producer,
            epoch,
            sequence: first,
            attributes: isTransactional ? 0x10 : 0,
          });
          const result = await appendOne(engine, id, 0, batch, {
            isTransactional,
            transactionVersion: step.version,
          });
          if (typeof judged === "string") {
            assert.equal(result.error, judged);
            continue;
          }
          assert.deepEqual([result.error, result.baseOffset], [null, judged ?? logEnd]);
          if (judged !== null) continue;
          if (epoch !== state.epoch) state.batches = [];
          state.epoch = epoch;
          state.batches.push({ first, last, offset: logEnd });
          if (isTransactional) state.isOpen = true;
          logEnd += records;
        } else {
          const state = known[step.producer]!;
          const { coordinatorEpoch, isAbort } = step;
          const epoch = Math.max(0, state.epoch + step.epochStep);
          const judged = judgeEnd(state, epoch, coordinatorEpoch, step.version);
          const result = await appendMarker(
            engine,
            id,
            0,
            step.producer,
            { epoch, coordinatorEpoch, type: isAbort ? "abort" : "commit" },
            { transactionVersion: step.version },
          );
          assert.equal(result.error, judged);
          if (judged !== null) continue;
          assert.equal(result.baseOffset, logEnd++);
          if (epoch !== state.epoch) state.batches = [];
          state.epoch = epoch;
          state.coordinatorEpoch = coordinatorEpoch;
          state.isOpen = false;
        }
      }
      const model = modelOf(await readBatches(engine, id, 0));
      assert.equal(model.logEnd, logEnd);
      assert.deepEqual(byId(engine.describeProducers(id, 0)!), model.producers);
      await checkPartition(engine, id, 0, model, 0, 1_048_576);
      await checkPartition(engine, id, 0, model, 0, 200);
      await engine.close();
    }),
    { numRuns: runs, seed },
  );
});
