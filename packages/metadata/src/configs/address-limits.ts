/** `max.connections.per.ip.overrides`: `host:count,host:count`. */
import { isIP } from "node:net";
import { type ConfigValue, INT_MAX, type Problem } from "./definition.ts";

/** Counts by address or host name, in the order given. Entries that are none are left out: {@link addressLimits} refuses them. */
export function parseAddressLimits(text: string): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const entry of entriesOf(text)) {
    const limit = parseEntry(entry);
    if (limit !== null) limits.set(limit.host, limit.count);
  }
  return limits;
}

/** What is wrong with the value, or null. */
export function addressLimits(value: ConfigValue): Problem | null {
  for (const entry of entriesOf(String(value))) {
    if (parseEntry(entry) === null) {
      return { entry, text: "Must be a host or an address, a colon and a number of connections" };
    }
  }
  return null;
}

/** What is wrong with `max.connections.per.ip` beside these overrides, in Kafka's words, or null: somebody should be able to connect. */
export function nobodyMayConnect(
  perAddress: string | null,
  overrides: string | null,
): string | null {
  if (Number(perAddress ?? Number.NaN) !== 0 || entriesOf(overrides ?? "").length > 0) return null;
  return "requirement failed: max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.";
}

function entriesOf(text: string): string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

const HOST_NAME = /^[0-9A-Za-z._-]+$/;
const COUNT = /^\+?\d+$/;

/** An IPv6 address has colons of its own: the last one counts. */
function parseEntry(entry: string): { readonly host: string; readonly count: number } | null {
  const colon = entry.lastIndexOf(":");
  const host = entry.slice(0, Math.max(0, colon)).trim();
  const digits = entry.slice(colon + 1).trim();
  const count = Number(digits);
  if (isIP(host) === 0 && !HOST_NAME.test(host)) return null;
  return COUNT.test(digits) && count <= INT_MAX ? { host, count } : null;
}
