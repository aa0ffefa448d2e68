import assert from "node:assert/strict";
import { test } from "node:test";
import { Later } from "./later.ts";

function listen<T>(later: Later<T>): unknown[] {
  const told: unknown[] = [];
  later.listen({
    settled: (value) => told.push("settled", value),
    failed: (cause) => told.push("failed", cause),
  });
  return told;
}

test("a listener is told in the step in which the value comes, or at once when it is there", () => {
  const later = new Later<number>();
  const told = listen(later);
  assert.deepEqual(told, []);
  later.settle(7);
  assert.deepEqual(told, ["settled", 7]);
  assert.deepEqual(listen(Later.of(8)), ["settled", 8]);
  const failing = new Later<number>();
  failing.fail("why");
  assert.deepEqual(listen(failing), ["failed", "why"]);
});

test("a value comes once, and for one listener", () => {
  const later = Later.of(1);
  assert.throws(() => later.settle(2));
  assert.throws(() => later.fail("why"));
  listen(later);
  assert.throws(() => listen(later));
});

test("map passes on what becomes of the value, also a throw, and what becomes of a failure", () => {
  const double = (value: number) => value * 2;
  assert.deepEqual(listen(Later.of(2).map(double).map(String)), ["settled", "4"]);
  const cause = new Error("broken");
  const broken = Later.of(2).map(
    () => {
      throw cause;
    },
    () => "not this one's to say",
  );
  assert.deepEqual(listen(broken), ["failed", cause]);
  const failing = new Later<number>();
  const told = listen(failing.map(double, (why) => `because ${why}`).map(double));
  failing.fail("of this");
  assert.deepEqual(told, ["failed", "because of this"]);
});

test("it can be awaited, by several too, and comes of a promise", async () => {
  const later = new Later<number>();
  const both = Promise.all([later, later.then((value) => value + 1)]);
  later.settle(1);
  assert.deepEqual(await both, [1, 2]);
  assert.equal(await Later.from(Promise.resolve(3)), 3);
  await assert.rejects(async () => await Later.from(Promise.reject(new Error("broken"))), /broken/);
});

test("what a listener throws is an uncaught exception and does not reach who brings the value", async () => {
  const cause = new Error("the listener's");
  const caught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
  const later = new Later<number>();
  const throwing = () => {
    throw cause;
  };
  later.listen({ settled: throwing, failed: throwing });
  later.settle(1);
  assert.equal(await caught, cause);
  process.setUncaughtExceptionCaptureCallback(null);
});
