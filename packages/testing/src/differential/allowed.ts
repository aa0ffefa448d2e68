/**
 * Where Ottla differs from Apache Kafka on purpose, or because nothing depends on it, each with its reason. A difference that is not
 * listed fails the differential test; so does an entry that matches nothing any more.
 */
import type { Difference } from "./compare.ts";

export interface AllowedDifference {
  readonly scenario: string;
  /** The step's label, or a pattern of several. */
  readonly label: string | RegExp;
  /** The field, or a pattern; everything in the step when left out. */
  readonly path?: string | RegExp;
  readonly reason: string;
}

export const ALLOWED_DIFFERENCES: readonly AllowedDifference[] = [
  {
    scenario: "produce",
    label: "null records",
    reason:
      "Kafka never answers a Produce whose records are null; Ottla refuses it with INVALID_RECORD.",
  },
];

export interface Judgement {
  /** Differences that no entry allows. */
  readonly unlisted: readonly Difference[];
  readonly listed: readonly { readonly difference: Difference; readonly reason: string }[];
  /** Entries that match no difference. */
  readonly vanished: readonly AllowedDifference[];
}

/** Sorts differences into allowed ones and others. */
export function judge(
  differences: readonly Difference[],
  allowed: readonly AllowedDifference[] = ALLOWED_DIFFERENCES,
): Judgement {
  const used = new Set<AllowedDifference>();
  const unlisted: Difference[] = [];
  const listed: { difference: Difference; reason: string }[] = [];
  for (const difference of differences) {
    const entry = allowed.find((each) => covers(each, difference));
    if (entry === undefined) unlisted.push(difference);
    else {
      used.add(entry);
      listed.push({ difference, reason: entry.reason });
    }
  }
  return { unlisted, listed, vanished: allowed.filter((each) => !used.has(each)) };
}

function covers(entry: AllowedDifference, difference: Difference): boolean {
  return (
    entry.scenario === difference.scenario &&
    matches(entry.label, difference.label) &&
    (entry.path === undefined || matches(entry.path, difference.path))
  );
}

function matches(pattern: string | RegExp, text: string): boolean {
  return typeof pattern === "string" ? pattern === text : pattern.test(text);
}
