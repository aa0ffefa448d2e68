/** How the text of an option or argument becomes a value. */

/** Thrown by a {@link Parse}; the message completes "--option …". */
export class InvalidValue extends Error {
  override readonly name = "InvalidValue";
}

/** @throws {InvalidValue} */
export type Parse<T> = (raw: string) => T;

export const text: Parse<string> = (raw) => raw;

export function integer(range: { readonly min?: number; readonly max?: number } = {}) {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = range;
  return (raw: string): number => {
    const value = /^[+-]?\d+$/.test(raw) ? Number(raw) : Number.NaN;
    if (!Number.isSafeInteger(value)) throw new InvalidValue(`takes a whole number, not "${raw}"`);
    if (value >= min && value <= max) return value;
    throw new InvalidValue(
      range.max === undefined
        ? `must be at least ${min}, not ${raw}`
        : `must be between ${min} and ${max}, not ${raw}`,
    );
  };
}

export function oneOf<const T extends string>(...choices: readonly T[]): Parse<T> {
  return (raw) => {
    const choice = choices.find((each) => each === raw);
    if (choice !== undefined) return choice;
    throw new InvalidValue(`takes one of ${choices.join(", ")}, not "${raw}"`);
  };
}

/** `key=value`; the value may be empty and may hold more equals signs. */
export const pair: Parse<readonly [key: string, value: string]> = (raw) => {
  const at = raw.indexOf("=");
  if (at <= 0) throw new InvalidValue(`takes key=value, not "${raw}"`);
  return [raw.slice(0, at).trim(), raw.slice(at + 1)];
};

/** Several values with commas between them. */
export function list<T>(parse: Parse<T>): Parse<readonly T[]> {
  return (raw) => raw.split(",").map((item) => parse(item.trim()));
}

const ISO_8601 =
  /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;

/** Milliseconds since the epoch from ISO 8601 (local time unless it says otherwise) or `@` and the milliseconds themselves. */
export const instant: Parse<number> = (raw) => {
  if (/^@\d+$/.test(raw)) return Number(raw.slice(1));
  // A date alone would be read as UTC, against what people mean by it and what Kafka's tools do.
  const ms = ISO_8601.test(raw) ? Date.parse(raw.length === 10 ? `${raw}T00:00` : raw) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw new InvalidValue(
    `takes a time such as 2026-01-31T10:00:00Z or @1769853600000, not "${raw}"`,
  );
};

const DURATION = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?$/;
const SHORT_DURATION = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d{1,3})?)s)?$/;
const UNIT_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000];

/** Milliseconds from ISO 8601, such as `P1DT12H`, or a shorter form, such as `1d12h`. */
export const durationMs: Parse<number> = (raw) => {
  const parts = (DURATION.exec(raw) ?? SHORT_DURATION.exec(raw))?.slice(1) ?? [];
  if (parts.some((part) => part !== undefined)) {
    return Math.round(
      parts.reduce((sum, part, index) => sum + Number(part ?? 0) * UNIT_MS[index]!, 0),
    );
  }
  throw new InvalidValue(`takes a duration such as PT90M or 1h30m, not "${raw}"`);
};
