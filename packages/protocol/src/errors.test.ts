import assert from "node:assert/strict";
import { test } from "node:test";
import { ERROR_NAMES, errorCode, errorMessage, errorName, isRetriable } from "./errors.ts";

test("the table holds every code from -1 to 133 once", () => {
  const codes = ERROR_NAMES.map(errorCode).sort((a, b) => a - b);
  assert.deepEqual(
    codes,
    Array.from({ length: 135 }, (_, i) => i - 1),
  );
});

test("names and codes map onto each other", () => {
  for (const name of ERROR_NAMES) {
    assert.equal(errorName(errorCode(name)), name);
    assert.ok(errorMessage(name).endsWith("."), name);
  }
});

test("a code from a newer broker reads as UNKNOWN_SERVER_ERROR", () => {
  assert.equal(errorName(9999), "UNKNOWN_SERVER_ERROR");
});

test("whether to retry is said per error", () => {
  assert.equal(isRetriable("NOT_LEADER_OR_FOLLOWER"), true);
  assert.equal(isRetriable("TOPIC_AUTHORIZATION_FAILED"), false);
});
