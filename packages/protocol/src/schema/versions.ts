import { ProtocolError } from "../protocol-error.ts";

/** An inclusive range of versions; `max` is Infinity for "3+", and an empty range ("none") has `min` above `max`. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** The range that holds no version. */
export const NO_VERSIONS: VersionRange = { min: Number.POSITIVE_INFINITY, max: -1 };

/** Reads Kafka's notation: "none", "4", "0-7" or "3+". @throws ProtocolError on anything else. */
export function parseVersions(text: string): VersionRange {
  if (text === "none") {
    return NO_VERSIONS;
  }
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  if (match === null) {
    throw new ProtocolError("malformed", `not a version range: "${text}"`);
  }
  const min = Number(match[1]);
  if (match[2] !== undefined) {
    return { min, max: Number.POSITIVE_INFINITY };
  }
  return { min, max: match[3] === undefined ? min : Number(match[3]) };
}

export function includesVersion(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max;
}
