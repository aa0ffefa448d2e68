import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { InvalidReplication, InvalidTopicName } from "./errors.ts";
import { assignReplicas } from "./replica-placement.ts";
import { collisionKey, topicNameProblem, validateTopicName } from "./topic-name.ts";

it("AD1: topic names have 1 to 249 characters of a small set and are not dots", () => {
  for (const name of ["a", "A-z_0.9", "...", "x".repeat(249), "__consumer_offsets"]) {
    assert.equal(topicNameProblem(name), null, name);
  }
  assert.equal(topicNameProblem("."), "Topic name is invalid: '.' is not allowed");
  assert.equal(topicNameProblem(".."), "Topic name is invalid: '..' is not allowed");
  assert.match(topicNameProblem("")!, /the empty string is not allowed/);
  assert.match(topicNameProblem("x".repeat(250))!, /longer than the max allowed length 249$/);
  for (const name of ["a b", "a/b", "ä", "a\n", "\0"]) {
    assert.match(topicNameProblem(name)!, /contains one or more characters other than ASCII/);
    assert.throws(() => validateTopicName(name), InvalidTopicName);
  }
});

it("AD1: names that differ only in dots and underscores collide", () => {
  assert.equal(collisionKey("a.b_c"), collisionKey("a_b.c"));
  assert.notEqual(collisionKey("a.b"), collisionKey("a-b"));
});

it("AD1: copies go round the brokers, each partition's on different ones", () => {
  assert.deepEqual(assignReplicas([1, 2, 3], 4, 2, 1), [
    [2, 3],
    [3, 1],
    [1, 2],
    [2, 3],
  ]);
  assert.deepEqual(assignReplicas([7], 2, 1), [[7], [7]]);
  assert.throws(() => assignReplicas([1, 2], 1, 3), InvalidReplication);
  assert.throws(() => assignReplicas([1, 2], 1, 0), InvalidReplication);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.nat(40),
      fc.nat(20),
      (count, partitions, start) => {
        const brokers = Array.from({ length: count }, (_, i) => i * 10);
        const leaders = new Map<number, number>();
        for (const replicas of assignReplicas(brokers, partitions, count, start)) {
          assert.deepEqual(
            replicas.toSorted((a, b) => a - b),
            brokers,
          );
          leaders.set(replicas[0]!, (leaders.get(replicas[0]!) ?? 0) + 1);
        }
        const led = brokers.map((broker) => leaders.get(broker) ?? 0);
        assert.ok(Math.max(...led) - Math.min(...led) <= 1);
      },
    ),
  );
});
