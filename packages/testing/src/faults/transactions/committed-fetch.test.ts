import assert from "node:assert/strict";
import { test } from "node:test";
import { batchOf, CONTROL, type ReadBatch, readBatches, TRANSACTIONAL } from "../../wire/batch.ts";
import { committedByMarkers, withoutAborted } from "./committed-fetch.ts";

/** A log of single records and markers: `1:a` is the value a of producer 1's transaction, `1+` commits it, `1-` aborts it, `b` is plain. */
function logOf(text: string): ReadBatch[] {
  const batches = text.split(" ").map((word, baseOffset) => {
    const [, producer, rest] = /^(?:(\d):?)?(.*)$/.exec(word)!;
    if (producer === undefined) return batchOf([{ value: rest! }], { baseOffset });
    const options = { baseOffset, producerId: Number(producer), producerEpoch: 0 };
    if (rest === "+" || rest === "-") {
      const key = rest === "+" ? "\0\0\0\u0001" : "\0\0\0\0";
      return batchOf([{ key, value: "" }], { ...options, attributes: TRANSACTIONAL | CONTROL });
    }
    return batchOf([{ value: rest! }], { ...options, attributes: TRANSACTIONAL });
  });
  return readBatches(Buffer.concat(batches));
}

function text(values: readonly { readonly offset: number; readonly value: string }[]): string {
  return values.map(({ offset, value }) => `${offset}${value}`).join(" ");
}

test("what the markers say is committed, in the order of the log", () => {
  assert.equal(text(committedByMarkers(logOf("1:a 2:b 1:c 2- d 1+ 2:e 2+"))), "0a 2c 4d 6e");
  assert.equal(text(committedByMarkers(logOf("1:a 2:b 2+"))), "1b");
});

test("a client leaves out what lies between the start of an aborted transaction and its marker", () => {
  const log = logOf("1:a 2:b 1:c 2- d 1+ 2:e 2+");
  assert.equal(text(withoutAborted(log, [{ producerId: 2, firstOffset: 1 }])), "0a 2c 4d 6e");
  assert.equal(text(withoutAborted(log, [])), "0a 1b 2c 4d 6e");
});

test("a transaction that was aborted from before the first batch on is left out up to its marker", () => {
  const log = logOf("1:a 1- 1:b 1+");
  assert.equal(text(withoutAborted(log, [{ producerId: 1, firstOffset: 0 }])), "2b");
  assert.equal(text(withoutAborted(log.slice(1), [{ producerId: 1, firstOffset: 0 }])), "2b");
});
