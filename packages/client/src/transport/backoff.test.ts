import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock, SystemRandom } from "@ottla/platform";
import { Backoff, sleep } from "./backoff.ts";

test("KIP-580: delays double up to the maximum, spread by a fifth, and start over after a success", () => {
  const backoff = new Backoff(new SystemRandom(), { baseMs: 100, maxMs: 1000 });
  for (const expected of [100, 200, 400, 800]) {
    const delay = backoff.nextMs();
    assert.ok(delay >= expected * 0.8 && delay <= expected * 1.2, `${delay} is near ${expected}`);
  }
  for (let i = 0; i < 100; i++) assert.ok(backoff.nextMs() <= 1000);
  backoff.reset();
  assert.ok(backoff.nextMs() <= 120);
});

test("a sleep ends at once with the reason of its signal", async () => {
  const controller = new AbortController();
  const sleeping = sleep(new SystemClock(), 3_600_000, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(sleeping, /enough/);
  await assert.rejects(sleep(new SystemClock(), 1, controller.signal), /enough/);
});
