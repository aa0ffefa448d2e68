/** Compares two transcripts field by field and folds what differs in the same way at several versions into one row. */
import { elementKey } from "./normalise.ts";
import type { Json, Step } from "./transcript.ts";

export interface Difference {
  readonly scenario: string;
  readonly label: string;
  readonly api: string;
  /** The versions at which it shows; empty for raw bytes. */
  readonly versions: readonly number[];
  /** The field, such as `topics[orders].partitions[0].errorCode`; empty when the outcomes are of different kinds. */
  readonly path: string;
  readonly expected: string;
  readonly actual: string;
}

/** What Kafka did (`expected`) against what the other broker did. */
export function compareTranscripts(
  expected: readonly Step[],
  actual: readonly Step[],
): Difference[] {
  const rows = new Map<string, { first: Difference; versions: number[] }>();
  const actualBySteps = new Map(actual.map((step) => [stepKey(step), step]));
  const add = (step: Step, { path, expected, actual }: FieldDifference): void => {
    const { scenario, label, api, version } = step;
    // Scenarios name what they make for one version after it.
    const general = (text: string): string =>
      version === null ? text : text.replace(new RegExp(`-${version}(?=[\\]"])`, "g"), "-N");
    const first = {
      scenario,
      label,
      api,
      versions: [],
      path: general(path),
      expected: general(expected),
      actual: general(actual),
    };
    const key = JSON.stringify(first);
    const row = rows.get(key) ?? { first, versions: [] };
    if (version !== null) row.versions.push(version);
    rows.set(key, row);
  };
  for (const step of expected) {
    const other = actualBySteps.get(stepKey(step));
    actualBySteps.delete(stepKey(step));
    if (other === undefined)
      add(step, { path: "", expected: show(step.outcome), actual: "not reached" });
    else for (const each of fieldDifferences(step.outcome, other.outcome, "")) add(step, each);
  }
  for (const step of actualBySteps.values()) {
    add(step, { path: "", expected: "not reached", actual: show(step.outcome) });
  }
  return Array.from(rows.values(), ({ first, versions }) => ({ ...first, versions }));
}

interface FieldDifference {
  readonly path: string;
  readonly expected: string;
  readonly actual: string;
}

function stepKey({ scenario, label, api, version }: Step): string {
  return JSON.stringify([scenario, label, api, version]);
}

function fieldDifferences(expected: Json, actual: Json, path: string): FieldDifference[] {
  if (isList(expected) && isList(actual)) return listDifferences(expected, actual, path);
  if (isObject(expected) && isObject(actual)) {
    const names = new Set([...Object.keys(expected), ...Object.keys(actual)]);
    return Array.from(names).flatMap((name) =>
      fieldDifferences(
        expected[name] ?? null,
        actual[name] ?? null,
        path === "" ? name : `${path}.${name}`,
      ),
    );
  }
  if (JSON.stringify(expected) === JSON.stringify(actual)) return [];
  return [{ path, expected: show(expected), actual: show(actual) }];
}

/** Elements that have a name are matched by it; the others by their place. */
function listDifferences(
  expected: readonly Json[],
  actual: readonly Json[],
  path: string,
): FieldDifference[] {
  const named = (list: readonly Json[]): Map<string, Json> => {
    const map = new Map<string, Json>();
    list.forEach((element, index) => {
      const key = elementKey(element) ?? String(index);
      map.set(map.has(key) ? `${key} again ${index}` : key, element);
    });
    return map;
  };
  const left = named(expected);
  const right = named(actual);
  const rows: FieldDifference[] = [];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const place = `${path}[${key}]`;
    if (!right.has(key))
      rows.push({ path: place, expected: show(left.get(key)!), actual: "absent" });
    else if (!left.has(key))
      rows.push({ path: place, expected: "absent", actual: show(right.get(key)!) });
    else rows.push(...fieldDifferences(left.get(key)!, right.get(key)!, place));
  }
  return rows;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function show(value: Json): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
