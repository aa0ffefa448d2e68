import assert from "node:assert/strict";
import { before, test } from "node:test";
import { apiByKey, apiVersions } from "@ottla/protocol";
import { startBroker } from "../src/clients/harness.ts";
import { type Judgement, judge } from "../src/differential/allowed.ts";
import { compareTranscripts } from "../src/differential/compare.ts";
import { describeDifferences } from "../src/differential/report.ts";
import { DIFFERENTIAL_PROPERTIES, playScenarios } from "../src/differential/run.ts";
import { SCENARIOS } from "../src/differential/scenarios/index.ts";
import type { Step } from "../src/differential/transcript.ts";
import { WireConnection } from "../src/wire/connection.ts";

interface Played {
  readonly steps: readonly Step[];
  readonly advertised: readonly {
    readonly apiKey: number;
    readonly minVersion: number;
    readonly maxVersion: number;
  }[];
}

let kafka: Played;
let ottla: Played;
let judgement: Judgement;

before(async () => {
  kafka = await play("kafka");
  ottla = await play("ottla");
  judgement = judge(compareTranscripts(kafka.steps, ottla.steps));
});

async function play(kind: "kafka" | "ottla"): Promise<Played> {
  await using broker = await startBroker[kind]({ properties: DIFFERENTIAL_PROPERTIES });
  using connection = await WireConnection.open(broker.port);
  const { apiKeys } = await connection.request(apiVersions, 0, {});
  return { advertised: apiKeys, steps: await playScenarios(broker, SCENARIOS, Date.now()) };
}

test("every scenario reaches its end", () => {
  for (const { steps } of [kafka, ottla]) {
    const broken = steps.filter(({ label }) => label === "broke off");
    assert.deepEqual(broken, []);
  }
});

test("Ottla answers as Apache Kafka does, save for what is listed", () => {
  assert.equal(describeDifferences(judgement.unlisted), "");
});

test("every listed difference is still there", () => {
  assert.deepEqual(judgement.vanished, []);
});

test("every advertised API is asked at every version", () => {
  const asked = new Set(kafka.steps.map(({ api, version }) => `${api} ${version}`));
  const missing: string[] = [];
  for (const { apiKey, minVersion, maxVersion } of ottla.advertised) {
    const api = apiByKey(apiKey);
    assert.ok(api, `an API ${apiKey} without a schema is advertised`);
    // Versions below the schema's are advertised for a client's sake and refused when used (KAFKA-18659).
    for (let version = Math.max(minVersion, api.versions.min); version <= maxVersion; version++) {
      if (!asked.has(`${api.name} ${version}`)) missing.push(`${api.name} v${version}`);
    }
  }
  assert.deepEqual(missing, []);
});
