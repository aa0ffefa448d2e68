/** Kills a broker under load and checks what everybody saw; `--help` says how. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { startBroker } from "../clients/harness.ts";
import { runFaults } from "./run.ts";

const HELP = `Kills a broker with SIGKILL at random instants under load and checks what everybody saw.

  npm run faults -- [--kills 50] [--runs 1] [--seed N] [--life-ms 1500] [--broker ottla|kafka]

  --kills    how often the broker is killed in a run
  --runs     how many runs, each with the next seed and a fresh broker
  --seed     of the first run; a random one when left out. It replays what is asked and when, not the timing of the machine
  --life-ms  the longest life of a broker
  --broker   which one

At work are producers of every kind, groups, readers, and a chain of topics a → b → c: transactional producers fill the first and
abort some transactions, two groups of two members copy each topic to the next in transactions with their offsets, give up some of
them, dawdle past their timeout and die. Afterwards nothing may be lost, double, out of order, torn, or read though it was aborted;
every committed value of a is in b and in c exactly once. The exit code is 0 when that is so.
`;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    runs: { type: "string", default: "1" },
    seed: { type: "string" },
    "life-ms": { type: "string", default: "1500" },
    broker: { type: "string", default: "ottla" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}

const first = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const runs = Number(values.runs);
for (let run = 0; run < runs; run++) {
  const seed = first + run;
  console.log(`seed ${seed}`);
  const result = await runFaults({
    start: startBroker[values.broker === "kafka" ? "kafka" : "ottla"],
    seed,
    kills: Number(values.kills),
    lifeMs: Number(values["life-ms"]),
    onKill: (kill, operations) => {
      if (runs === 1) console.log(`kill ${kill}: ${operations} operations so far`);
    },
  });
  const { violations, acknowledged, unknown, polled, commits, transactions, copied } = result;
  for (const { kind, what } of violations.slice(0, 100)) console.log(`${kind}: ${what}`);
  console.log(
    `${acknowledged} values acknowledged, ${unknown} unknown, ${polled} read, ${commits} commits; ` +
      `${transactions} transactions, ${copied} values through the chain: ${violations.length} violations`,
  );
  if (violations.length > 0) process.exitCode = 1;
}
