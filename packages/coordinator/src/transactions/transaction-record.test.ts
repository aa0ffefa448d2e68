/** Records of `__transaction_state`: the bytes are those of Apache Kafka 4.3.1 (its TransactionLog), provenance in each name. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CorruptCoordinatorRecord } from "../errors.ts";
import { type TransactionMetadata, unborn } from "./transaction-metadata.ts";
import { decodeTransactionRecord, encodeTransactionRecord } from "./transaction-record.ts";

const ONGOING: TransactionMetadata = {
  transactionalId: "tx",
  state: "Ongoing",
  producerId: 4711,
  producerEpoch: 3,
  previousProducerId: 4711,
  nextProducerId: -1,
  lastProducerEpoch: -1,
  timeoutMs: 60_000,
  partitions: new Map([["data", new Set([0, 2])]]),
  startMs: 1_700_000_000_000,
  lastUpdateMs: 1_700_000_000_001,
  transactionVersion: 2,
};

const KEY = "000000027478";

const GOLDENS: readonly { name: string; value: TransactionMetadata | null; hex: string | null }[] =
  [
    {
      name: "an id without a transaction",
      value: {
        ...unborn("tx", 4711),
        producerEpoch: 0,
        previousProducerId: 4711,
        timeoutMs: 60_000,
        lastUpdateMs: 1_700_000_000_001,
      },
      hex: "0001000000000000126700000000ea6000000000018bcfe56801ffffffffffffffff0100080000000000001267",
    },
    {
      name: "an open transaction",
      value: ONGOING,
      hex: "0001000000000000126700030000ea6001020564617461030000000000000002000000018bcfe568010000018bcfe56800020008000000000000126702020002",
    },
    {
      name: "a decision that names the next producer id",
      value: {
        ...ONGOING,
        state: "PrepareCommit",
        producerEpoch: 32_767,
        nextProducerId: 4712,
      },
      hex: "000100000000000012677fff0000ea6002020564617461030000000000000002000000018bcfe568010000018bcfe5680003000800000000000012670108000000000000126802020002",
    },
    { name: "the end of an expired id", value: null, hex: null },
  ];

describe("records of __transaction_state", () => {
  for (const { name, value, hex } of GOLDENS) {
    test(`${name} is written and read as Kafka does`, () => {
      const encoded = encodeTransactionRecord({ transactionalId: "tx", value });
      assert.equal(encoded.key.toString("hex"), KEY);
      assert.equal(encoded.value?.toString("hex") ?? null, hex);
      assert.deepEqual(decodeTransactionRecord(encoded), { transactionalId: "tx", value });
    });
  }

  test("records of version 0 are read", () => {
    const value = Buffer.from(
      "0000000000000000126700030000ea6001000000010004646174610000000200000000000000020000018bcfe568010000018bcfe56800",
      "hex",
    );
    const record = decodeTransactionRecord({ key: Buffer.from(KEY, "hex"), value });
    const old = { ...ONGOING, previousProducerId: -1, transactionVersion: 0 as const };
    assert.deepEqual(record?.value, old);
  });

  test("records of types to come are skipped", () => {
    assert.equal(
      decodeTransactionRecord({ key: Buffer.from("000a0161", "hex"), value: null }),
      null,
    );
  });

  test("bytes that are no record are reported as corrupt, whatever they are", () => {
    const anyBytes = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));
    const anyValue = fc
      .tuple(fc.integer({ min: 0, max: 2 }), anyBytes)
      .map(([version, rest]) => Buffer.concat([Buffer.from([0, version]), rest]));
    const anyKey = fc.oneof(anyBytes, fc.constant(Buffer.from(KEY, "hex")));
    fc.assert(
      fc.property(anyKey, anyValue, (key, value) => {
        try {
          decodeTransactionRecord({ key, value });
        } catch (error) {
          assert.ok(error instanceof CorruptCoordinatorRecord, String(error));
        }
      }),
    );
  });

  test("every cut of a record, an unknown state and an unknown version are corrupt", () => {
    const { key, value } = encodeTransactionRecord({ transactionalId: "tx", value: ONGOING });
    for (let size = 0; size < value!.length; size++) {
      const record = { key, value: value!.subarray(0, size) };
      assert.throws(() => decodeTransactionRecord(record), CorruptCoordinatorRecord);
    }
    const state = Buffer.from(value!);
    state.writeInt8(7, 16);
    assert.throws(() => decodeTransactionRecord({ key, value: state }), CorruptCoordinatorRecord);
  });
});
