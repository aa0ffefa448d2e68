import assert from "node:assert/strict";
import { test } from "node:test";
import { BROKER_CONFIGS } from "./broker-configs.ts";
import { CLIENT_METRICS_CONFIGS } from "./client-metrics-configs.ts";
import {
  brokerDocumentation,
  clientMetricsDocumentation,
  groupDocumentation,
  topicDocumentation,
} from "./documentation.ts";
import { GROUP_CONFIGS } from "./group-configs.ts";
import { TOPIC_CONFIGS } from "./topic-configs.ts";

test("AD4: every setting that is described says what it does", () => {
  const untold = [
    ...TOPIC_CONFIGS.filter(({ isInternal }) => !isInternal).filter(
      ({ name }) => topicDocumentation(name) === null,
    ),
    ...GROUP_CONFIGS.filter(({ name }) => groupDocumentation(name) === null),
    ...CLIENT_METRICS_CONFIGS.filter(({ name }) => clientMetricsDocumentation(name) === null),
    ...BROKER_CONFIGS.filter(({ name }) => brokerDocumentation(name, true) === null),
  ];
  assert.deepEqual(
    untold.map(({ name }) => name),
    [],
  );
});

test("AD4: a broker's setting tells what it is the default or the limit of, and an unknown one nothing", () => {
  assert.match(brokerDocumentation("log.retention.ms", true)!, /topic setting retention\.ms: Age/);
  assert.match(
    brokerDocumentation("group.consumer.max.session.timeout.ms", true)!,
    /^Largest value of the group setting consumer\.session\.timeout\.ms: Silence/,
  );
  assert.match(brokerDocumentation("zookeeper.connect", true)!, /no effect/);
  assert.equal(brokerDocumentation("no.such.key", false), null);
});
