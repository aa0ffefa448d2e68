import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { brokerKind, startBroker } from "../src/clients/harness.ts";
import { runFaults } from "../src/faults/run.ts";

test("IP6, IP8, LG10, CG15, TX11, TX13, TX16: SIGKILL under load loses, doubles, reorders and invents nothing, in transactions and outside", async (context) => {
  const seed = Number(process.env.OTTLA_SEED ?? randomInt(2 ** 31));
  const kills = Number(process.env.OTTLA_KILLS ?? 8);
  context.diagnostic(`OTTLA_SEED=${seed} OTTLA_KILLS=${kills}`);
  const start = startBroker[brokerKind()];
  const result = await runFaults({ start, seed, kills, lifeMs: 1_500 });
  assert.deepEqual(result.violations.slice(0, 20), [], `seed ${seed}`);
  // A run in which little happened proves little.
  assert.ok(result.acknowledged > 10 * kills, `only ${result.acknowledged} acknowledged`);
  assert.ok(result.polled > result.acknowledged, `only ${result.polled} read`);
  assert.ok(result.commits > kills, `only ${result.commits} commits`);
  assert.ok(result.transactions > 2 * kills, `only ${result.transactions} transactions`);
  assert.ok(result.copied > 2 * kills, `only ${result.copied} values through the chain`);
});
