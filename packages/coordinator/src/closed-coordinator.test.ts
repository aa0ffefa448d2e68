import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { CoordinatorHarness } from "./groups/group-harness.ts";
import { MemoryCoordinatorLog } from "./memory-coordinator-log.ts";
import { DEFAULT_TRANSACTION_COORDINATOR_CONFIG } from "./transactions/config.ts";
import { TransactionCoordinator } from "./transactions/transaction-coordinator.ts";

test("a coordinator that is closed before it loads keeps no timer", async () => {
  const clock = new SimulatedClock();
  const transactions = new TransactionCoordinator({
    clock,
    log: new MemoryCoordinatorLog(),
    config: DEFAULT_TRANSACTION_COORDINATOR_CONFIG,
    producerIds: { next: async () => 0 },
    markers: { write: async () => [] },
  });
  await transactions.close();
  await transactions.load();
  assert.equal(clock.timerCount, 0);

  const harness = await CoordinatorHarness.start();
  const before = harness.clock.timerCount;
  assert.ok(before > 0);
  await harness.coordinator.close();
  await harness.coordinator.load();
  assert.equal(harness.clock.timerCount, 0);
});
