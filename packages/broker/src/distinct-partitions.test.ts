import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { distinctPartitions, type TopicShape } from "./distinct-partitions.ts";

interface Partition {
  readonly index: number;
  readonly value: number;
}

interface Topic {
  readonly name: string;
  readonly partitions: readonly Partition[];
}

const SHAPE: TopicShape<Topic, Partition> = {
  topicKey: ({ name }) => name,
  partitions: ({ partitions }) => partitions,
  index: ({ index }) => index,
  withPartitions: (topic, partitions) => ({ ...topic, partitions }),
};

test("a request without repetition is passed on as it is", () => {
  const topics = [
    { name: "a", partitions: [partition(2), partition(0), partition(1)] },
    { name: "b", partitions: [partition(0), partition(7)] },
    { name: "c", partitions: [partition(4), partition(7), partition(1), partition(3)] },
  ];
  assert.equal(distinctPartitions(topics, SHAPE), topics);
});

test("of a partition named twice the last counts, in the place of the first", () => {
  const topics = [
    { name: "a", partitions: [partition(0, 1), partition(1, 2), partition(0, 3)] },
    { name: "b", partitions: [partition(0, 4)] },
    { name: "a", partitions: [partition(2, 5), partition(1, 6)] },
  ];
  assert.deepEqual(distinctPartitions(topics, SHAPE), [
    { name: "a", partitions: [partition(0, 3), partition(1, 6), partition(2, 5)] },
    { name: "b", partitions: [partition(0, 4)] },
  ]);
});

test("every partition is there exactly once, with its last value", () => {
  const topic = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    partitions: fc.array(fc.record({ index: fc.nat(4), value: fc.nat() }), { maxLength: 6 }),
  });
  fc.assert(
    fc.property(fc.array(topic, { maxLength: 5 }), (topics) => {
      const last = new Map<string, number>();
      for (const { name, partitions } of topics) {
        for (const { index, value } of partitions) last.set(`${name}-${index}`, value);
      }
      const found = distinctPartitions(topics, SHAPE).flatMap(({ name, partitions }) =>
        partitions.map(({ index, value }) => [`${name}-${index}`, value] as const),
      );
      assert.equal(found.length, last.size);
      assert.deepEqual(new Map(found), last);
    }),
  );
});

function partition(index: number, value = 0): Partition {
  return { index, value };
}
