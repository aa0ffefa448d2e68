import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { brokerKind, startBroker } from "../src/clients/harness.ts";
import { fuzz } from "../src/fuzz/run.ts";

const MEMORY_GROWTH_BYTES = 256 * 1_048_576;

test("NW: hostile bytes neither stop the broker nor disturb an honest connection nor fill memory", async (context) => {
  const seed = Number(process.env.OTTLA_SEED ?? randomInt(2 ** 31));
  context.diagnostic(`OTTLA_SEED=${seed}`);
  await using broker = await startBroker[brokerKind()]();
  const result = await fuzz(broker, { seed, frames: 3_000 });
  assert.ok(result.honestRounds > 10, `${result.honestRounds} honest rounds`);
  assert.ok(result.slowestRoundMs < 10_000, `a round took ${result.slowestRoundMs} ms`);
  const growth = result.residentPeak - result.residentBefore;
  assert.ok(growth < MEMORY_GROWTH_BYTES, `memory grew by ${growth} bytes`);
  // The kernel still knows the process: it did not die and come back.
  process.kill(broker.pid, 0);
});
