/** All configs of a broker by name, and what names mean that are not in the table themselves: listener overrides and time units. */
import { BROKER_COORDINATOR_CONFIGS } from "./broker-coordinator-configs.ts";
import { BROKER_SECURITY_CONFIGS } from "./broker-security-configs.ts";
import { BROKER_SERVER_CONFIGS } from "./broker-server-configs.ts";
import type { ConfigDefinition } from "./definition.ts";

export const BROKER_CONFIGS: readonly ConfigDefinition[] = [
  ...BROKER_SERVER_CONFIGS,
  ...BROKER_COORDINATOR_CONFIGS,
  ...BROKER_SECURITY_CONFIGS,
].sort((a, b) => (a.name < b.name ? -1 : 1));

const LISTENER_OVERRIDE = /^listener\.name\.[^.]*\.(.+)$/;

/** Overrides of these also name a SASL mechanism: `listener.name.<listener>.<mechanism>.<config>`. */
const MECHANISM_CONFIGS = [
  "connections.max.reauth.ms",
  "sasl.jaas.config",
  "sasl.login.callback.handler.class",
  "sasl.login.class",
  "sasl.server.callback.handler.class",
];

/** Keys of one setting in several units, the strongest first. */
const UNIT_CHAINS: readonly (readonly string[])[] = [
  ["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
  ["log.roll.ms", "log.roll.hours"],
  ["log.roll.jitter.ms", "log.roll.jitter.hours"],
  ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
];

const CHAIN_BY_NAME = new Map(
  // The scheduler's interval is a fallback of the flush interval, not the same setting.
  UNIT_CHAINS.flatMap((chain) =>
    chain
      .filter((name) => name !== "log.flush.scheduler.interval.ms")
      .map((name) => [name, chain] as const),
  ),
);

/** What may override a listener's config, strongest first: the name itself and the one for all listeners, or all units of a time. */
export function brokerSynonyms(name: string): readonly string[] {
  const base = overriddenName(name);
  return base === null ? (CHAIN_BY_NAME.get(name) ?? [name]) : [name, base];
}

/** The config that `listener.name.…` overrides, or null for another name. */
export function overriddenName(name: string): string | null {
  const rest = LISTENER_OVERRIDE.exec(name)?.[1];
  if (rest === undefined) {
    return null;
  }
  return MECHANISM_CONFIGS.find((config) => rest.endsWith(config)) ?? rest;
}
