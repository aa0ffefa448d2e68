/**
 * Runs a suite made by others: `npm run conformance -- NAME [--broker ottla|kafka] [--markdown FILE]`. Prints every case that did not
 * pass with its reason, and how many passed, failed and were skipped; exits with 1 when a case failed that is not known to, or one
 * that is known to fail did not.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { kafkaPython } from "./kafka-python.ts";
import { KNOWN_FAILURES } from "./known-failures.ts";
import type { Suite } from "./suite.ts";
import { suiteMarkdown, verdictOf } from "./verdict.ts";

const SUITES: readonly Suite[] = [kafkaPython];

const { values, positionals } = parseArgs({
  options: {
    broker: { type: "string", default: "ottla" },
    markdown: { type: "string" },
  },
  allowPositionals: true,
});
const suite = SUITES.find(({ name }) => name === positionals[0]);
if (suite === undefined) {
  console.error(`usage: npm run conformance -- ${SUITES.map(({ name }) => name).join("|")}`);
  process.exit(2);
}
console.log(suite.title);
const kind = values.broker === "kafka" ? "kafka" : "ottla";
const result = await suite.run(kind);
const verdict = verdictOf(result, kind === "kafka" ? {} : (KNOWN_FAILURES[suite.name] ?? {}));
for (const { name, reason } of result.skipped) console.log(`skipped ${name}: ${reason}`);
for (const { name, reason } of verdict.known) console.log(`known to fail ${name}: ${reason}`);
for (const { name, reason } of verdict.unexpected) console.log(`FAILED ${name}: ${reason}`);
for (const name of verdict.outdated) console.log(`LISTED as a failure but it passed: ${name}`);
const { passed, failed, skipped } = result;
console.log(`${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
if (values.markdown !== undefined) {
  await writeFile(values.markdown, suiteMarkdown(suite.title, result, verdict));
}
process.exitCode = verdict.unexpected.length + verdict.outdated.length === 0 ? 0 : 1;
