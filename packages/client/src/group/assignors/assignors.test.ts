import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Assignment } from "../subscription.ts";
import type { Assignor, GroupMember } from "./assignor.ts";
import { cooperativeStickyAssignor } from "./cooperative-sticky.ts";
import { rangeAssignor } from "./range.ts";
import { roundRobinAssignor } from "./round-robin.ts";
import { assignSticky } from "./sticky.ts";

function member(
  memberId: string,
  topics: readonly string[],
  owned: Record<string, readonly number[]> = {},
  generation = -1,
): GroupMember {
  return {
    memberId,
    groupInstanceId: null,
    topics,
    userData: null,
    ownedPartitions: new Map(Object.entries(owned)),
    generation,
    rackId: null,
  };
}

function plain(assignments: ReadonlyMap<string, Assignment>) {
  return Object.fromEntries(
    [...assignments].map(([id, { partitions }]) => [id, Object.fromEntries(partitions)]),
  );
}

test("range gives each topic's subscribers contiguous ranges, the first ones the larger", () => {
  const input = {
    partitionCounts: new Map([
      ["a", 7],
      ["b", 2],
    ]),
    members: [member("m3", ["a"]), member("m1", ["a", "b"]), member("m2", ["a", "b"])],
  };
  assert.deepEqual(plain(rangeAssignor.assign(input)), {
    m1: { a: [0, 1, 2], b: [0] },
    m2: { a: [3, 4], b: [1] },
    m3: { a: [5, 6] },
  });
});

test("round-robin deals all partitions out in turn, passing over members without the topic", () => {
  const input = {
    partitionCounts: new Map([
      ["a", 3],
      ["b", 3],
    ]),
    members: [member("m1", ["a", "b"]), member("m2", ["a"]), member("m3", ["a", "b"])],
  };
  assert.deepEqual(plain(roundRobinAssignor.assign(input)), {
    m1: { a: [0], b: [0, 2] },
    m2: { a: [1] },
    m3: { a: [2], b: [1] },
  });
});

test("static members come first, in the order of their instance ids", () => {
  const fixed = { ...member("z", ["a"]), groupInstanceId: "i-1" };
  const input = { partitionCounts: new Map([["a", 3]]), members: [member("b", ["a"]), fixed] };
  assert.deepEqual(plain(rangeAssignor.assign(input)), { z: { a: [0, 1] }, b: { a: [2] } });
});

const groups = fc
  .record({
    counts: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 }),
    members: fc.array(fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), {
      minLength: 1,
      maxLength: 6,
    }),
    equal: fc.boolean(),
  })
  .map(({ counts, members, equal }) => ({
    partitionCounts: new Map(counts.map((count, i) => [`t${i}`, count] as const)),
    members: members.map((wants, i) =>
      member(
        `m${i}`,
        counts.map((_, t) => `t${t}`).filter((_, t) => equal || wants[t]),
      ),
    ),
    equal,
  }));

function assertValid(
  input: { partitionCounts: ReadonlyMap<string, number>; members: readonly GroupMember[] },
  result: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>,
) {
  assert.deepEqual([...result.keys()].sort(), input.members.map((m) => m.memberId).sort());
  for (const [topic, count] of input.partitionCounts) {
    const given = [...result].flatMap(([, topics]) => topics.get(topic) ?? []);
    const wanted = input.members.some((m) => m.topics.includes(topic));
    assert.deepEqual(
      given.sort((a, b) => a - b),
      wanted ? Array.from({ length: count }, (_, p) => p) : [],
    );
  }
  for (const { memberId, topics } of input.members) {
    for (const topic of result.get(memberId)!.keys()) assert.ok(topics.includes(topic));
  }
}

function sizes(result: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>) {
  return [...result.values()].map((topics) =>
    [...topics.values()].reduce((sum, partitions) => sum + partitions.length, 0),
  );
}

const byPartitions = (assignor: Assignor, input: Parameters<Assignor["assign"]>[0]) =>
  new Map([...assignor.assign(input)].map(([id, { partitions }]) => [id, partitions]));

test("every assignor gives each partition to exactly one member that asked for its topic", () => {
  fc.assert(
    fc.property(groups, (input) => {
      assertValid(input, byPartitions(rangeAssignor, input));
      assertValid(input, byPartitions(roundRobinAssignor, input));
      assertValid(input, byPartitions(cooperativeStickyAssignor, input));
      const sticky = assignSticky(input);
      assertValid(input, sticky);
      if (input.equal) {
        const loads = sizes(sticky);
        assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, `${loads}`);
      }
    }),
  );
});

test("sticky: when a member joins, only the partitions it receives move", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 0, max: 60 }),
      (memberCount, partitionCount) => {
        const counts = new Map([["t", partitionCount]]);
        const first = assignSticky({
          partitionCounts: counts,
          members: Array.from({ length: memberCount }, (_, i) => member(`m${i}`, ["t"])),
        });
        const members = [...first].map(([id, topics]) =>
          member(id, ["t"], Object.fromEntries(topics), 1),
        );
        members.push(member("new", ["t"]));
        const second = assignSticky({ partitionCounts: counts, members });
        for (const [id, topics] of first) {
          const before = new Set(topics.get("t") ?? []);
          const after = second.get(id)!.get("t") ?? [];
          assert.ok(
            after.every((p) => before.has(p)),
            "nobody but the new member gains",
          );
        }
        const loads = sizes(second);
        assert.ok(Math.max(...loads) - Math.min(...loads) <= 1);
      },
    ),
  );
});

test("sticky: of two members that claim one partition the later generation keeps it", () => {
  const result = assignSticky({
    partitionCounts: new Map([["t", 2]]),
    members: [member("m1", ["t"], { t: [0, 1] }, 3), member("m2", ["t"], { t: [1] }, 4)],
  });
  assert.deepEqual(Object.fromEntries(result), {
    m1: new Map([["t", [0]]]),
    m2: new Map([["t", [1]]]),
  });
});

test("KIP-429: a partition that changes hands is assigned to nobody until its owner gave it up", () => {
  const counts = new Map([["t", 4]]);
  const owner = member("m1", ["t"], { t: [0, 1, 2, 3] }, 1);
  const first = plain(
    cooperativeStickyAssignor.assign({
      partitionCounts: counts,
      members: [owner, member("m2", ["t"])],
    }),
  );
  assert.deepEqual(first, { m1: { t: [0, 1] }, m2: {} });
  const second = plain(
    cooperativeStickyAssignor.assign({
      partitionCounts: counts,
      members: [member("m1", ["t"], { t: [0, 1] }, 2), member("m2", ["t"], {}, 2)],
    }),
  );
  assert.deepEqual(second, { m1: { t: [0, 1] }, m2: { t: [2, 3] } });
});

test("KIP-429: cooperative rounds end with everything assigned: two of them when subscriptions are equal", () => {
  fc.assert(
    fc.property(groups, fc.array(fc.nat(5), { maxLength: 60 }), (input, owners) => {
      let claims = input.members.map(() => ({}) as Record<string, readonly number[]>);
      let draw = 0;
      for (const [topic, count] of input.partitionCounts) {
        for (let p = 0; p < count; p++) {
          const index = owners[draw++ % Math.max(1, owners.length)] ?? 0;
          const own = claims[index % claims.length]!;
          own[topic] = [...(own[topic] ?? []), p];
        }
      }
      let before = -1;
      for (let round = 1; ; round++) {
        const result = byPartitions(cooperativeStickyAssignor, {
          partitionCounts: input.partitionCounts,
          members: input.members.map((m, i) => member(m.memberId, m.topics, claims[i], round)),
        });
        claims = input.members.map((m) => Object.fromEntries(result.get(m.memberId)!));
        const assigned = sizes(result).reduce((sum, size) => sum + size, 0);
        if (round === (input.equal ? 2 : 8) || (!input.equal && assigned === before)) {
          assertValid(input, result);
          return;
        }
        before = assigned;
      }
    }),
  );
});
