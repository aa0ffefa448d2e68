/** What has configuration, on the command line: `topic:orders`, `broker:1`, `broker` for the default of all brokers, `group:billing`. */
import type { ConfigResource, ConfigResourceType } from "@ottla/client";
import { InvalidValue, type Parse } from "../command-line/value.ts";

const TYPES: readonly ConfigResourceType[] = [
  "topic",
  "broker",
  "group",
  "client-metrics",
  "broker-logger",
];

export const configResource: Parse<ConfigResource> = (raw) => {
  const at = raw.indexOf(":");
  const type = TYPES.find((each) => each === (at < 0 ? raw : raw.slice(0, at)));
  const name = at < 0 ? "" : raw.slice(at + 1);
  const isBroker = type === "broker" || type === "broker-logger";
  if (
    type === undefined ||
    (name === "" && (type !== "broker" || at >= 0)) ||
    (isBroker && !/^\d*$/.test(name))
  ) {
    throw new InvalidValue(
      `takes topic:NAME, broker:ID, broker, group:ID or client-metrics:NAME, not "${raw}"`,
    );
  }
  return { type, name };
};

/** The resource as the command line has it. */
export function resourceText({ type, name }: ConfigResource): string {
  return name === "" ? type : `${type}:${name}`;
}
