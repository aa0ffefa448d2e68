import type { CaseResult, SuiteResult } from "./suite.ts";

/** Reads a report in JUnit's XML form, as pytest writes it. */
export function junitResult(xml: string): SuiteResult {
  const passed: string[] = [];
  const skipped: CaseResult[] = [];
  const failed: CaseResult[] = [];
  for (const [, attributes = "", , body = ""] of xml.matchAll(TEST_CASE)) {
    const name = `${attribute(attributes, "classname")}.${attribute(attributes, "name")}`;
    const outcome = /<(failure|error|skipped)\b([^>]*)/.exec(body);
    if (outcome === null) {
      passed.push(name);
      continue;
    }
    const reason = attribute(outcome[2]!, "message").split("\n")[0]!.slice(0, 300);
    (outcome[1] === "skipped" ? skipped : failed).push({ name, reason });
  }
  return { passed, skipped, failed };
}

const TEST_CASE = /<testcase\b([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g;

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replace(/&(#\d+|\w+);/g, (_, entity: string) =>
    entity.startsWith("#")
      ? String.fromCodePoint(Number(entity.slice(1)))
      : (ENTITIES[entity] ?? entity),
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
};
