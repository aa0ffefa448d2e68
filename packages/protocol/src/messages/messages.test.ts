import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../data/consumer-protocol.ts";
import * as groupRecords from "../data/group-records.ts";
import { transactionLogRecord } from "../data/transaction-records.ts";
import { decodeData, encodeData } from "../frames.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { Schema } from "../schema/schema.ts";
import { messageArbitrary } from "../testing/arbitrary.ts";
import { interpretDecode, interpretEncode } from "../testing/interpreter.ts";
import { apiByKey, apis } from "./index.ts";

const SCHEMAS: readonly Schema[] = [
  ...apis.flatMap(({ request, response }) => [request, response]),
  consumerProtocolAssignment,
  consumerProtocolSubscription,
  ...[...Object.values(groupRecords), transactionLogRecord].flatMap(({ key, value }) => [
    key,
    value,
  ]),
];

function forEachVersion(visit: (schema: Schema, version: number) => void): void {
  for (const schema of SCHEMAS) {
    for (let version = schema.versions.min; version <= schema.versions.max; version++) {
      visit(schema, version);
    }
  }
}

test("every message of every version comes back as it was, with the bytes of the interpreter", () => {
  forEachVersion((schema, version) => {
    fc.assert(
      fc.property(messageArbitrary(schema, version), (message) => {
        const bytes = encodeData(schema, version, message as never);
        assert.deepEqual(bytes, interpretEncode(schema, version, message));
        assert.deepEqual(decodeData(schema, version, bytes), message, schema.name);
        assert.deepEqual(interpretDecode(schema, version, bytes), message);
      }),
      { numRuns: 2 },
    );
  });
});

/** What a decoder makes of bytes: a value, or the kind of its error. Anything else than a ProtocolError is a failure. */
function outcome(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
    return error.kind;
  }
}

test("damaged messages never crash a decoder, and the interpreter sees them alike", () => {
  forEachVersion((schema, version) => {
    fc.assert(
      fc.property(
        messageArbitrary(schema, version),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(8),
        (message, edits, cut) => {
          const bytes = encodeData(schema, version, message as never);
          const damaged = Buffer.from(bytes.subarray(0, Math.max(bytes.length - cut, 0)));
          for (const [place, byte] of edits) {
            if (damaged.length > 0) {
              damaged[place % damaged.length] = byte;
            }
          }
          assert.deepEqual(
            outcome(() => decodeData(schema, version, damaged)),
            outcome(() => interpretDecode(schema, version, damaged)),
            `${schema.name} v${version} ${damaged.toString("hex")}`,
          );
        },
      ),
      { numRuns: 3 },
    );
  });
});

test("an empty object encodes like the defaults it stands for, where nothing is required", () => {
  forEachVersion((schema, version) => {
    const defaults = Object.fromEntries(
      Object.entries(schema.fields).map(([name, field]) => [name, field.defaultValue]),
    );
    const encode = (value: object) =>
      outcome(() => encodeData(schema, version, value as never).toString("hex"));
    assert.equal(encode({}), encode(defaults), `${schema.name} v${version}`);
  });
});

test("keys are unique and found again", () => {
  assert.equal(new Set(apis.map(({ key }) => key)).size, apis.length);
  for (const api of apis) {
    assert.equal(apiByKey(api.key), api);
  }
  assert.equal(apiByKey(-1), undefined);
  assert.equal(apiByKey(4), undefined);
});

test("InitProducerId v6 can be spoken but is not advertised", () => {
  const initProducerId = apiByKey(22)!;
  assert.equal(initProducerId.versions.max, 5);
  assert.equal(initProducerId.request.versions.max, 6);
});
