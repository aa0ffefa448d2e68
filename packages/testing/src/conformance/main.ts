/**
 * Runs a suite made by others: `npm run conformance -- NAME [--broker ottla|kafka]`. Prints every case that did not pass with its
 * reason, and how many passed, failed and were skipped; exits with 1 when one failed.
 */
import { parseArgs } from "node:util";
import { kafkaPython } from "./kafka-python.ts";
import type { Suite } from "./suite.ts";

const SUITES: readonly Suite[] = [kafkaPython];

const { values, positionals } = parseArgs({
  options: { broker: { type: "string", default: "ottla" } },
  allowPositionals: true,
});
const suite = SUITES.find(({ name }) => name === positionals[0]);
if (suite === undefined) {
  console.error(`usage: npm run conformance -- ${SUITES.map(({ name }) => name).join("|")}`);
  process.exit(2);
}
console.log(suite.title);
const { passed, failed, skipped } = await suite.run(values.broker === "kafka" ? "kafka" : "ottla");
for (const { name, reason } of skipped) console.log(`skipped ${name}: ${reason}`);
for (const { name, reason } of failed) console.log(`failed ${name}: ${reason}`);
console.log(`${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
process.exitCode = failed.length === 0 ? 0 : 1;
