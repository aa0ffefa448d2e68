/** From what AlterConfigs and IncrementalAlterConfigs ask for to the changes that a MetadataStore makes. */
import { InvalidConfig } from "../errors.ts";
import type { ConfigResourceType } from "../store.ts";
import type { BrokerConfig } from "./broker-config.ts";
import { CLIENT_METRICS_CONFIGS } from "./client-metrics-configs.ts";
import type { ConfigDefinition } from "./definition.ts";
import { GROUP_CONFIGS } from "./group-configs.ts";
import { topicConfigDefinition } from "./topic-config.ts";

/** IncrementalAlterConfigs' operations, KIP-339. */
export type ConfigOperation = "set" | "delete" | "append" | "subtract";

/** Their numbers on the wire. */
export const CONFIG_OPERATIONS: readonly ConfigOperation[] = [
  "set",
  "delete",
  "append",
  "subtract",
];

export interface ConfigChange {
  readonly name: string;
  readonly operation: ConfigOperation;
  readonly value: string | null;
}

/** What changes, and all configs of the resource afterwards, for validation. */
export interface AlteredConfigs {
  readonly changes: ReadonlyMap<string, string | null>;
  readonly after: ReadonlyMap<string, string>;
}

/**
 * AD6: applies the operations of one resource. `append` adds entries that are not there, `subtract` takes away those that are; both start from the
 * current value, or the default. Subtracting the last entry leaves an empty list.
 *
 * @throws {InvalidConfig}
 */
export function applyConfigChanges(
  type: ConfigResourceType,
  current: ReadonlyMap<string, string>,
  requested: readonly ConfigChange[],
  broker: BrokerConfig,
): AlteredConfigs {
  checkNamesAndValues(
    requested,
    requested.filter(({ operation }) => operation !== "delete"),
  );
  const changes = new Map<string, string | null>();
  const after = new Map(current);
  for (const { name, operation, value } of requested) {
    if (operation === "delete") {
      changes.set(name, null);
      after.delete(name);
      continue;
    }
    const text =
      operation === "set"
        ? value!
        : changedList(definitionOf(type, name, broker), name, operation, current.get(name), value!);
    changes.set(name, text);
    after.set(name, text);
  }
  return { changes, after };
}

/** AlterConfigs: the resource has exactly what was requested afterwards. @throws {InvalidConfig} */
export function replaceConfigs(
  current: ReadonlyMap<string, string>,
  requested: readonly NamedValue[],
): AlteredConfigs {
  checkNamesAndValues(requested, requested);
  const next = new Map(requested.map(({ name, value }) => [name, value!]));
  const changes = new Map<string, string | null>(next);
  for (const name of current.keys()) {
    if (!next.has(name)) {
      changes.set(name, null);
    }
  }
  return { changes, after: next };
}

interface NamedValue {
  readonly name: string;
  readonly value: string | null;
}

/** @throws {InvalidConfig} for a name that is there twice, or a missing value. */
function checkNamesAndValues(
  requested: readonly NamedValue[],
  withValues: readonly NamedValue[],
): void {
  if (new Set(requested.map(({ name }) => name)).size < requested.length) {
    throw new InvalidConfig("Error due to duplicate config keys", "request");
  }
  const missing = withValues.filter(({ value }) => value === null);
  if (missing.length > 0) {
    const list = missing.map(({ name }) => name).join(", ");
    throw new InvalidConfig(`Null value not supported for : ${list}`, "request");
  }
}

function changedList(
  definition: ConfigDefinition | null,
  name: string,
  operation: "append" | "subtract",
  current: string | undefined,
  value: string,
): string {
  if (definition?.type !== "LIST") {
    throw new InvalidConfig(
      `Can't ${operation.toUpperCase()} to key ${name} because its type is not LIST.`,
    );
  }
  const entries = entriesOf(current ?? definition.defaultValue ?? "");
  const given = new Set(entriesOf(value));
  return operation === "append"
    ? [...new Set([...entries, ...given])].join(",")
    : entries.filter((entry) => !given.has(entry)).join(",");
}

function entriesOf(text: string): string[] {
  return text.trim() === "" ? [] : text.trim().split(/\s*,\s*/);
}

function definitionOf(
  type: ConfigResourceType,
  name: string,
  broker: BrokerConfig,
): ConfigDefinition | null {
  switch (type) {
    case "topic":
      return topicConfigDefinition(name);
    case "broker":
      return broker.definition(name);
    case "group":
      return GROUP_CONFIGS.find((definition) => definition.name === name) ?? null;
    case "client-metrics":
      return CLIENT_METRICS_CONFIGS.find((definition) => definition.name === name) ?? null;
  }
}
