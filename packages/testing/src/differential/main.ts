/**
 * Plays the scenarios against Apache Kafka and against Ottla and prints what differs.
 *
 *   node -C source packages/testing/src/differential/main.ts [--only NAME]… [--against kafka] [--record FILE] [--markdown FILE]
 *
 * `--against kafka` compares Kafka with itself: what differs then is a fault of a scenario. `--record` writes Kafka's transcript.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { startBroker } from "../clients/harness.ts";
import { judge } from "./allowed.ts";
import { compareTranscripts } from "./compare.ts";
import { conformanceMarkdown, describeDifferences } from "./report.ts";
import { DIFFERENTIAL_PROPERTIES, playScenarios } from "./run.ts";
import { SCENARIOS } from "./scenarios/index.ts";
import type { Step } from "./transcript.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    against: { type: "string", default: "ottla" },
    record: { type: "string" },
    markdown: { type: "string" },
  },
});

const only = values.only;
const scenarios =
  only === undefined ? SCENARIOS : SCENARIOS.filter(({ name }) => only.includes(name));

const kafka = await play("kafka");
if (values.record !== undefined) {
  await writeFile(values.record, `${JSON.stringify(kafka, null, 1)}\n`);
}
const other = await play(values.against === "kafka" ? "kafka" : "ottla");
const judgement = judge(compareTranscripts(kafka, other));
console.log(describeDifferences(judgement.unlisted));
if (only === undefined) {
  for (const { scenario, label, path = "" } of judgement.vanished) {
    console.log(`${scenario}: ${label} ${path} is listed as a difference but there is none`);
  }
}
console.log(
  `${kafka.length} steps, ${judgement.unlisted.length} differences not listed, ${judgement.listed.length} listed`,
);
if (values.markdown !== undefined) {
  await writeFile(values.markdown, conformanceMarkdown(kafka, judgement));
}
process.exitCode = judgement.unlisted.length === 0 ? 0 : 1;

async function play(kind: "kafka" | "ottla"): Promise<Step[]> {
  await using broker = await startBroker[kind]({ properties: DIFFERENTIAL_PROPERTIES });
  const started = performance.now();
  const steps = await playScenarios(broker, scenarios, Date.now());
  console.log(
    `${broker.name}: ${steps.length} steps in ${Math.round(performance.now() - started)} ms`,
  );
  for (const step of steps.filter(({ label }) => label === "broke off")) {
    console.log(`  ${step.scenario} broke off: ${JSON.stringify(step.outcome)}`);
  }
  return steps;
}
