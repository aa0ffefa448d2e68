import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "./errors.ts";
import { parseAddress, resolveOptions } from "./options.ts";

test("addresses come with or without port, listener name and brackets", () => {
  assert.deepEqual(parseAddress("broker-1"), { host: "broker-1", port: 9092 });
  assert.deepEqual(parseAddress("10.0.0.1:19092"), { host: "10.0.0.1", port: 19092 });
  assert.deepEqual(parseAddress("[::1]:9093"), { host: "::1", port: 9093 });
  assert.deepEqual(parseAddress("PLAINTEXT://h:1"), { host: "h", port: 1 });
  for (const bad of ["", "h:0", "h:70000", "a b", "h:x", "::1"]) {
    assert.throws(() => parseAddress(bad), UsageError, bad);
  }
});

test("bootstrap servers are a list or separated by commas, and at least one", () => {
  const { bootstrap } = resolveOptions({ bootstrapServers: "a:1, b:2," });
  assert.deepEqual(bootstrap, [
    { host: "a", port: 1 },
    { host: "b", port: 2 },
  ]);
  assert.throws(() => resolveOptions({ bootstrapServers: [] }), UsageError);
});
