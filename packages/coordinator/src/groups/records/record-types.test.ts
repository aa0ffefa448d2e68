/**
 * The bytes below were written by Apache Kafka 4.3.1's own GroupCoordinatorRecordSerde and generated message classes, from the values
 * beside them.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CorruptCoordinatorRecord } from "../../errors.ts";
import type { GroupMetadata } from "./group-metadata.ts";
import type { CommittedOffset } from "./offset-commit.ts";
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from "./record-types.ts";

const TOPIC_ID = "AAECAwQFBgcICQoLDA0ODw";

const METADATA: GroupMetadata = {
  protocolType: "consumer",
  generation: 3,
  protocol: "range",
  leader: "m1",
  currentStateTimestampMs: 1_700_000_000_000,
  members: [
    {
      memberId: "m1",
      groupInstanceId: null,
      clientId: "c",
      clientHost: "/127.0.0.1",
      rebalanceTimeoutMs: 60_000,
      sessionTimeoutMs: 10_000,
      subscription: Buffer.from([0, 1]),
      assignment: Buffer.from([2, 3, 4]),
    },
    {
      memberId: "m2",
      groupInstanceId: "i2",
      clientId: "",
      clientHost: "/::1",
      rebalanceTimeoutMs: 5,
      sessionTimeoutMs: 6,
      subscription: Buffer.alloc(0),
      assignment: Buffer.alloc(0),
    },
  ],
};

const GOLDENS: { name: string; record: GroupRecord; key: string; value: string | null }[] = [
  {
    name: "an offset with everything",
    record: {
      type: "offset",
      groupId: "grüppe",
      topic: "topic",
      partition: 7,
      value: {
        offset: 1_234_567_890_123,
        leaderEpoch: 5,
        metadata: "métadata",
        commitTimestampMs: 1_700_000_000_000,
        expireTimestampMs: -1,
        topicId: TOPIC_ID,
      },
    },
    key: "000100076772c3bc7070650005746f70696300000007",
    value:
      "00040000011f71fb04cb000000050a6dc3a97461646174610000018bcfe56800010010000102030405060708090a0b0c0d0e0f",
  },
  {
    name: "an offset with little",
    record: {
      type: "offset",
      groupId: "g",
      topic: "t",
      partition: 0,
      value: {
        offset: -1,
        leaderEpoch: -1,
        metadata: "",
        commitTimestampMs: 1_700_000_000_000,
        expireTimestampMs: -1,
        topicId: null,
      },
    },
    key: "000100016700017400000000",
    value: "0004ffffffffffffffffffffffff010000018bcfe5680000",
  },
  {
    name: "the deletion of an offset",
    record: { type: "offset", groupId: "g", topic: "t", partition: 1, value: null },
    key: "000100016700017400000001",
    value: null,
  },
  {
    name: "a group with members",
    record: { type: "metadata", groupId: "grüppe", value: METADATA },
    key: "000200076772c3bc707065",
    value:
      "00030008636f6e73756d657200000003000572616e676500026d310000018bcfe568000000000200026d31ffff000163000a2f3132372e302e302e310000ea60000027100000000200010000000302030400026d3200026932000000042f3a3a3100000005000000060000000000000000",
  },
  {
    name: "an empty group",
    record: {
      type: "metadata",
      groupId: "g",
      value: {
        protocolType: "",
        generation: 0,
        protocol: null,
        leader: null,
        currentStateTimestampMs: 1_700_000_000_000,
        members: [],
      },
    },
    key: "0002000167",
    value: "0003000000000000ffffffff0000018bcfe5680000000000",
  },
  {
    name: "the deletion of a group",
    record: { type: "metadata", groupId: "g", value: null },
    key: "0002000167",
    value: null,
  },
];

/** METADATA in the versions that Kafka no longer writes. */
const OLD_METADATA = [
  "00000008636f6e73756d657200000003000572616e676500026d310000000200026d31000163000a2f3132372e302e302e31000027100000000200010000000302030400026d32000000042f3a3a31000000060000000000000000",
  "00010008636f6e73756d657200000003000572616e676500026d310000000200026d31000163000a2f3132372e302e302e310000ea60000027100000000200010000000302030400026d32000000042f3a3a3100000005000000060000000000000000",
  "00020008636f6e73756d657200000003000572616e676500026d310000018bcfe568000000000200026d31000163000a2f3132372e302e302e310000ea60000027100000000200010000000302030400026d32000000042f3a3a3100000005000000060000000000000000",
  "00030008636f6e73756d657200000003000572616e676500026d310000018bcfe568000000000200026d31ffff000163000a2f3132372e302e302e310000ea60000027100000000200010000000302030400026d3200026932000000042f3a3a3100000005000000060000000000000000",
  "000409636f6e73756d6572000000030672616e6765036d310000018bcfe5680003036d310002630b2f3132372e302e302e310000ea60000027100300010402030400036d3203693201052f3a3a31000000050000000601010000",
];

/** Offset 77, leader epoch 2, metadata "md", committed at …000, expiring at …001, with the topic id; as far as each version goes. */
const OLD_OFFSETS = [
  "0000000000000000004d00026d640000018bcfe56800",
  "0001000000000000004d00026d640000018bcfe568000000018bcfe56801",
  "0002000000000000004d00026d640000018bcfe56800",
  "0003000000000000004d0000000200026d640000018bcfe56800",
  "0004000000000000004d00000002036d640000018bcfe56800010010000102030405060708090a0b0c0d0e0f",
];

describe("records of __consumer_offsets", () => {
  for (const { name, record, key, value } of GOLDENS) {
    test(`CG14: ${name} is written and read as Kafka does`, () => {
      const encoded = encodeGroupRecord(record);
      assert.equal(encoded.key.toString("hex"), key);
      assert.equal(encoded.value?.toString("hex") ?? null, value);
      assert.deepEqual(decodeGroupRecord(encoded), record);
    });
  }

  test("CG14: an offset with a retention of its own is written in version 1", () => {
    const value: CommittedOffset = {
      offset: 42,
      leaderEpoch: 3,
      metadata: "m",
      commitTimestampMs: 1_700_000_000_000,
      expireTimestampMs: 1_700_000_100_000,
      topicId: TOPIC_ID,
    };
    const record = { type: "offset", groupId: "g", topic: "t", partition: 0, value } as const;
    const encoded = encodeGroupRecord(record);
    assert.equal(
      encoded.value?.toString("hex"),
      "0001000000000000002a00016d0000018bcfe568000000018bcfe6eea0",
    );
    const decoded = { ...value, leaderEpoch: -1, topicId: null };
    assert.deepEqual(decodeGroupRecord(encoded), { ...record, value: decoded });
  });

  test("CG14: every version of a group's value that Kafka ever wrote is read", () => {
    const key = Buffer.from("0002000167", "hex");
    for (const [version, hex] of OLD_METADATA.entries()) {
      const record = decodeGroupRecord({ key, value: Buffer.from(hex, "hex") });
      assert.deepEqual(record?.value, {
        ...METADATA,
        currentStateTimestampMs: version >= 2 ? METADATA.currentStateTimestampMs : -1,
        members: METADATA.members.map((member) => ({
          ...member,
          groupInstanceId: version >= 3 ? member.groupInstanceId : null,
          rebalanceTimeoutMs: version >= 1 ? member.rebalanceTimeoutMs : member.sessionTimeoutMs,
        })),
      });
    }
  });

  test("CG14: every version of an offset's value, and the old key, are read", () => {
    for (const type of ["0000", "0001"]) {
      const key = Buffer.from(`${type}00016700017400000000`, "hex");
      for (const [version, hex] of OLD_OFFSETS.entries()) {
        const record = decodeGroupRecord({ key, value: Buffer.from(hex, "hex") });
        assert.deepEqual(record?.value, {
          offset: 77,
          leaderEpoch: version >= 3 ? 2 : -1,
          metadata: "md",
          commitTimestampMs: 1_700_000_000_000,
          expireTimestampMs: version === 1 ? 1_700_000_000_001 : -1,
          topicId: version >= 4 ? TOPIC_ID : null,
        });
      }
    }
  });

  test("records of types to come are skipped", () => {
    assert.equal(decodeGroupRecord({ key: Buffer.from("00030167", "hex"), value: null }), null);
  });

  test("bytes that are no record are reported as corrupt, whatever they are", () => {
    const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    const anyKey = fc
      .tuple(fc.integer({ min: 0, max: 2 }), anyBytes)
      .map(([type, rest]) => Buffer.concat([Buffer.from([0, type]), rest]));
    fc.assert(
      fc.property(fc.oneof(anyKey, anyBytes), fc.oneof(anyKey, anyBytes), (key, value) => {
        try {
          decodeGroupRecord({ key, value });
        } catch (error) {
          assert.ok(error instanceof CorruptCoordinatorRecord, String(error));
        }
      }),
    );
  });

  test("every cut of a record is corrupt", () => {
    for (const { key, value } of GOLDENS) {
      if (value === null) continue;
      const whole = Buffer.from(value, "hex");
      for (let size = 0; size < whole.length; size++) {
        const record = { key: Buffer.from(key, "hex"), value: whole.subarray(0, size) };
        assert.throws(() => decodeGroupRecord(record), CorruptCoordinatorRecord);
      }
    }
  });

  test("what is written is read back", () => {
    const int64 = fc.maxSafeInteger();
    const offset = fc.record(
      {
        offset: int64,
        leaderEpoch: fc.integer(),
        metadata: fc.string({ unit: "binary", maxLength: 200 }),
        commitTimestampMs: int64,
        expireTimestampMs: fc.constant(-1),
        topicId: fc.option(
          fc
            .uint8Array({ minLength: 16, maxLength: 16 })
            .map((bytes) => Buffer.from([...bytes.subarray(1), 1]).toString("base64url")),
        ),
      },
      { noNullPrototype: true },
    );
    const name = fc.string({ unit: "binary", maxLength: 40 });
    fc.assert(
      fc.property(
        name,
        name,
        fc.integer(),
        fc.option(offset),
        (groupId, topic, partition, value) => {
          const record: GroupRecord = { type: "offset", groupId, topic, partition, value };
          assert.deepEqual(decodeGroupRecord(encodeGroupRecord(record)), record);
        },
      ),
    );
  });
});
