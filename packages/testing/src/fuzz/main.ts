/**
 * Throws hostile bytes at a broker and shows what became of them.
 *
 *   node -C source packages/testing/src/fuzz/main.ts [--frames 20000] [--seed N] [--lanes 8] [--broker ottla|kafka]
 *
 * Apache Kafka takes the memory for a frame when it has read its length: few lanes, or it runs out.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { startBroker } from "../clients/harness.ts";
import { fuzz } from "./run.ts";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "20000" },
    seed: { type: "string" },
    lanes: { type: "string", default: "8" },
    broker: { type: "string", default: "ottla" },
  },
});
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
console.log(`seed ${seed}`);
await using broker = await startBroker[values.broker === "kafka" ? "kafka" : "ottla"]();
const frames = Number(values.frames);
const lanes = Number(values.lanes);
const result = await fuzz(broker, { seed, frames, lanes }).catch((error: unknown) => {
  console.error(broker.output());
  throw error;
});
console.table(result.outcomes);
const megabytes = (bytes: number): number => Math.round(bytes / 1_048_576);
console.log(
  `${result.honestRounds} honest rounds, the slowest ${Math.round(result.slowestRoundMs)} ms; memory ${megabytes(result.residentBefore)} MB before, ${megabytes(result.residentPeak)} MB at most`,
);
