/**
 * What a configuration key is: its type, default, limits and when it may change. Parsing, limits and messages follow Kafka's, so
 * that tools show the same text and tests that compare messages pass.
 */
import { InvalidConfig } from "../errors.ts";

export type ConfigType =
  | "BOOLEAN"
  | "STRING"
  | "INT"
  | "SHORT"
  | "LONG"
  | "DOUBLE"
  | "LIST"
  | "CLASS"
  | "PASSWORD";

/** A parsed value. Whole numbers beyond 2^53 lose their last digits; the text of a value does not. */
export type ConfigValue = boolean | string | number | readonly string[];

/** When a broker config may change: at start only, for one broker, or for all at once. */
export type UpdateMode = "read-only" | "per-broker" | "cluster-wide";

export interface ConfigDefinition {
  readonly name: string;
  readonly type: ConfigType;
  /** In canonical text; null when there is none. */
  readonly defaultValue: string | null;
  readonly limit: Limit | null;
  readonly updateMode: UpdateMode;
  /** Accepted, but only described when set. */
  readonly isInternal: boolean;
}

/** What is wrong with a value, or null. The text is put behind "Invalid value x for configuration y: ", where x is the entry at fault if one is named. */
export type Limit = (value: ConfigValue, name: string) => Problem | null;

export type Problem = string | { readonly entry: string; readonly text: string };

export const INT_MAX = 2 ** 31 - 1;
/** Kafka's largest LONG, 2^63 − 1. It means "never" or "no limit" and is not exact as a number. */
export const LONG_MAX = 2n ** 63n - 1n;

const INTEGER_LIMITS = { SHORT: 2n ** 15n, INT: 2n ** 31n, LONG: 2n ** 63n } as const;

/** @throws {InvalidConfig} with Kafka's message. */
export function parseConfig(definition: ConfigDefinition, source: string): ConfigValue {
  const value = parseType(definition, source);
  const problem = definition.limit?.(value, definition.name) ?? null;
  if (problem !== null) {
    const { entry, text } =
      typeof problem === "string"
        ? { entry: shown(definition.type, value), text: problem }
        : problem;
    throw new InvalidConfig(`Invalid value ${entry} for configuration ${definition.name}: ${text}`);
  }
  return value;
}

/** The text under which Kafka shows a value: trimmed, numbers without sign or leading zeros, lists without blanks and repetitions. */
export function canonicalText(definition: ConfigDefinition, text: string): string {
  switch (definition.type) {
    case "BOOLEAN":
      return text.trim().toLowerCase();
    case "SHORT":
    case "INT":
    case "LONG":
      return BigInt(text.trim().replace(/^\+/, "")).toString();
    case "DOUBLE":
      return javaDouble(Number(parseConfig(definition, text)));
    case "LIST":
      return (parseConfig(definition, text) as readonly string[]).join(",");
    case "PASSWORD":
      return text;
    default:
      return text.trim();
  }
}

export function isSensitive(type: ConfigType): boolean {
  return type === "PASSWORD";
}

// Builders, so that the tables read as tables.

export function boolean(name: string, value: boolean | null = null): ConfigDefinition {
  return define(name, "BOOLEAN", value === null ? null : String(value));
}

export function string(name: string, value: string | null = null, limit?: Limit): ConfigDefinition {
  return define(name, "STRING", value, limit);
}

export function className(name: string, value: string | null = null): ConfigDefinition {
  return define(name, "CLASS", value);
}

export function password(name: string): ConfigDefinition {
  return define(name, "PASSWORD", null);
}

export function int(name: string, value: number | null = null, limit?: Limit): ConfigDefinition {
  return define(name, "INT", value === null ? null : String(value), limit);
}

export function short(name: string, value: number | null = null, limit?: Limit): ConfigDefinition {
  return define(name, "SHORT", value === null ? null : String(value), limit);
}

export function long(
  name: string,
  value: number | bigint | null = null,
  limit?: Limit,
): ConfigDefinition {
  return define(name, "LONG", value === null ? null : String(value), limit);
}

export function double(name: string, value: number | null = null, limit?: Limit): ConfigDefinition {
  return define(name, "DOUBLE", value === null ? null : javaDouble(value), limit);
}

/** `value` has its entries separated by commas. */
export function list(name: string, value: string | null = null, limit?: Limit): ConfigDefinition {
  return define(name, "LIST", value, limit);
}

export function clusterWide(definition: ConfigDefinition): ConfigDefinition {
  return { ...definition, updateMode: "cluster-wide" };
}

export function perBroker(definition: ConfigDefinition): ConfigDefinition {
  return { ...definition, updateMode: "per-broker" };
}

export function internal(definition: ConfigDefinition): ConfigDefinition {
  return { ...definition, isInternal: true };
}

// Limits.

export function atLeast(min: number): Limit {
  return (value) => (Number(value) < min ? `Value must be at least ${min}` : null);
}

export function between(min: number, max: number): Limit {
  return (value) => {
    if (Number(value) < min) {
      return `Value must be at least ${min}`;
    }
    return Number(value) > max ? `Value must be no more than ${max}` : null;
  };
}

export function oneOf(...allowed: string[]): Limit {
  return (value) =>
    allowed.includes(String(value)) ? null : `String must be one of: ${allowed.join(", ")}`;
}

export function oneOfIgnoringCase(...allowed: string[]): Limit {
  return (value) =>
    allowed.includes(String(value).toUpperCase())
      ? null
      : `String must be one of (case insensitive): ${allowed.join(", ")}`;
}

/** Every entry is one of these; an empty list is fine. */
export function listOf(...allowed: string[]): Limit {
  return (value) => {
    const entry = (value as readonly string[]).find((one) => !allowed.includes(one));
    return entry === undefined
      ? null
      : { entry, text: `String must be one of: ${allowed.join(", ")}` };
  };
}

export const gzipLevel: Limit = (value) =>
  value === -1 || (Number(value) >= 1 && Number(value) <= 9)
    ? null
    : "Value must be between 1 and 9 or equal to -1";

/** Everything, or partition:broker pairs. */
export const throttledReplicas: Limit = (value, name) => {
  const entries = value as readonly string[];
  const isFine =
    (entries.length === 1 && entries[0] === "*") ||
    entries.every((entry) => /^[0-9]+:[0-9]+$/.test(entry.trim()));
  return isFine
    ? null
    : `${name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...`;
};

export const shareAutoOffsetReset: Limit = (value, name) =>
  /^(earliest|latest|by_duration:P(?=[0-9T])([0-9]+D)?(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]{1,9})?S)?)?)$/i.test(
    String(value),
  )
    ? null
    : `Invalid value \`${value}\` for configuration ${name}. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.`;

function define(
  name: string,
  type: ConfigType,
  defaultValue: string | null,
  limit: Limit | null = null,
): ConfigDefinition {
  return { name, type, defaultValue, limit, updateMode: "read-only", isInternal: false };
}

function parseType(definition: ConfigDefinition, text: string): ConfigValue {
  const { name, type } = definition;
  const trimmed = text.trim();
  switch (type) {
    case "BOOLEAN":
      if (!/^(true|false)$/i.test(trimmed)) {
        throw new InvalidConfig(
          `Invalid value ${text} for configuration ${name}: Expected value to be either true or false`,
        );
      }
      return trimmed.toLowerCase() === "true";
    case "SHORT":
    case "INT":
    case "LONG": {
      const limit = INTEGER_LIMITS[type];
      if (/^[+-]?[0-9]+$/.test(trimmed)) {
        const exact = BigInt(trimmed.replace(/^\+/, ""));
        if (exact >= -limit && exact < limit) {
          return Number(exact);
        }
      }
      throw notNumber(definition, text);
    }
    case "DOUBLE":
      if (/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?[fd]?$/i.test(trimmed)) {
        return Number(trimmed.replace(/[fd]$/i, ""));
      }
      throw notNumber(definition, text);
    case "LIST": {
      const entries = trimmed === "" ? [] : trimmed.split(/\s*,\s*/);
      if (entries.length > 0 && entries.includes("")) {
        throw new InvalidConfig(`Configuration '${name}' values must not be empty.`);
      }
      return [...new Set(entries)];
    }
    case "PASSWORD":
      return text;
    default:
      return trimmed;
  }
}

function notNumber(definition: ConfigDefinition, text: string): InvalidConfig {
  return new InvalidConfig(
    `Invalid value ${text.trim()} for configuration ${definition.name}: Not a number of type ${definition.type}`,
  );
}

function shown(type: ConfigType, value: ConfigValue): string {
  if (type === "DOUBLE") {
    return javaDouble(Number(value));
  }
  if (typeof value === "object") {
    return `[${value.join(", ")}]`;
  }
  return String(value);
}

/** A double as Java prints it: at least one digit behind the point, an exponent below 10^−3 and from 10^7 on. */
function javaDouble(value: number): string {
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits, exponent] = value.toExponential().split("e") as [string, string];
    return `${digits.includes(".") ? digits : `${digits}.0`}E${Number(exponent)}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
