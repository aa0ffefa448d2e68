/**
 * Kills a broker under load and checks what everybody saw.
 *
 *   node -C source packages/testing/src/faults/main.ts [--kills 50] [--seed N] [--life-ms 1500] [--broker ottla|kafka]
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { startBroker } from "../clients/harness.ts";
import { runFaults } from "./run.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    seed: { type: "string" },
    "life-ms": { type: "string", default: "1500" },
    broker: { type: "string", default: "ottla" },
  },
});
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
console.log(`seed ${seed}`);
const { violations, acknowledged, unknown, polled, commits } = await runFaults({
  start: startBroker[values.broker === "kafka" ? "kafka" : "ottla"],
  seed,
  kills: Number(values.kills),
  lifeMs: Number(values["life-ms"]),
  onKill: (kill, operations) => console.log(`kill ${kill}: ${operations} operations so far`),
});
for (const { kind, what } of violations.slice(0, 100)) console.log(`${kind}: ${what}`);
console.log(
  `${acknowledged} values acknowledged, ${unknown} unknown, ${polled} read, ${commits} commits: ${violations.length} violations`,
);
process.exitCode = violations.length === 0 ? 0 : 1;
