import { type ConfigDefinition, int, list } from "./definition.ts";

/** Configs of a client-metrics resource (KIP-714). */
export const CLIENT_METRICS_CONFIGS: readonly ConfigDefinition[] = [
  int("interval.ms", 300_000),
  list("match", ""),
  list("metrics", ""),
];
