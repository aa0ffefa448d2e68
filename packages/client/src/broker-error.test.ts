import assert from "node:assert/strict";
import { test } from "node:test";
import { brokerError, isBrokerError, throwIfError } from "./broker-error.ts";
import { BrokerError, FencedError } from "./errors.ts";

test("every code is a broker's error, also those above 127 and those of the future", () => {
  for (let code = -1; code <= 140; code++) {
    if (code === 0) continue;
    const error = brokerError(code, "subject");
    assert.ok(error instanceof BrokerError);
    assert.equal(error.code, code);
    assert.ok(error.message.startsWith("subject: "), error.message);
    assert.throws(() => throwIfError(code, "subject"), BrokerError);
  }
  assert.equal(brokerError(128, "s").error, "INVALID_REGULAR_EXPRESSION");
  assert.equal(brokerError(129, "s").error, "REBOOTSTRAP_REQUIRED");
  const future = brokerError(32_000, "s", "from a later version");
  assert.equal(future.retriable, false);
  assert.match(future.message, /from a later version/);
  throwIfError(0, "subject");
});

test("fencing has a type of its own", () => {
  for (const code of [47, 82, 90]) {
    assert.ok(brokerError(code, "s") instanceof FencedError, String(code));
    assert.equal(brokerError(code, "s").retriable, false);
  }
  assert.ok(!(brokerError(22, "s") instanceof FencedError));
  assert.ok(isBrokerError(brokerError(90, "s"), "PRODUCER_FENCED"));
  assert.ok(!isBrokerError(new Error("no"), "PRODUCER_FENCED"));
});
