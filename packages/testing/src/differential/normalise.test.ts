import assert from "node:assert/strict";
import { test } from "node:test";
import { batchOf } from "../wire/batch.ts";
import { Normaliser } from "./normalise.ts";

const START = 1_800_000_000_000;

test("ids become tokens that keep what is equal and what is not", () => {
  const normaliser = new Normaliser(4711, START);
  const body = {
    topics: [
      { topicId: "AAAAAAAAAAAAAAAAAAAAAA", name: "none" },
      { topicId: "q83vEjRWeJCrze8SNFZ4kA", name: "one" },
      { topicId: "q83vEjRWeJCrze8SNFZ4kA", name: "same" },
    ],
    producerId: 4000,
    memberId: "client-0d5ee3a1-9c4b-4b0b-8f3e-5a1c2d3e4f50",
    port: 4711,
  };
  assert.deepEqual(normaliser.body(body), {
    topics: [
      { topicId: "<zero>", name: "none" },
      { topicId: "<topic one>", name: "one" },
      { topicId: "<topic one>", name: "same" },
    ],
    producerId: "<producer 1>",
    memberId: "client-<uuid 1>",
    port: "<port>",
  });
  assert.deepEqual(normaliser.body({ producerId: 4001, port: 4712 }), {
    producerId: "<producer 2>",
    port: 4712,
  });
});

test("times of the scenario stay exact, the broker's own become the present, and others stay", () => {
  const normaliser = new Normaliser(1, START);
  const { baseTimestamp } = normaliser;
  assert.deepEqual(normaliser.body([baseTimestamp + 7, START + 900, -1, 0, 12]), [
    "T+7",
    "<now>",
    -1,
    0,
    12,
  ]);
});

test("wording is dropped but not whether there is any", () => {
  const normaliser = new Normaliser(1, START);
  assert.deepEqual(
    [null, "", "Such and such."].map((errorMessage) => normaliser.body({ errorMessage })),
    [{ errorMessage: null }, { errorMessage: "" }, { errorMessage: "<text>" }],
  );
});

test("arrays of named things are sorted, and records are shown decoded", () => {
  const normaliser = new Normaliser(1, START);
  assert.deepEqual(normaliser.body({ list: [{ partitionIndex: 10 }, { partitionIndex: 9 }] }), {
    list: [{ partitionIndex: 9 }, { partitionIndex: 10 }],
  });
  const baseTimestamp = normaliser.baseTimestamp;
  const records = batchOf([{ key: "k", value: null, headers: [["h", "x"]] }], { baseTimestamp });
  const shown = JSON.stringify(normaliser.body({ records }));
  assert.match(shown, /"key":"k","value":null,"headers":\[\["h","x"\]\]/);
  assert.match(shown, /"timestamp":"T\+0"/);
});
