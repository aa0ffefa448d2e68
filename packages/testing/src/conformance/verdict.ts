import type { CaseResult, SuiteResult } from "./suite.ts";

export interface Verdict {
  /** Failures that are not on the list. */
  readonly unexpected: readonly CaseResult[];
  /** Failures on the list, with the list's reason. */
  readonly known: readonly CaseResult[];
  /** Cases on the list that passed, or that the suite does not have. */
  readonly outdated: readonly string[];
}

/** Holds a suite's result against the list of its cases that are known to fail. */
export function verdictOf(result: SuiteResult, list: Readonly<Record<string, string>>): Verdict {
  const failed = new Set(result.failed.map(({ name }) => name));
  return {
    unexpected: result.failed.filter(({ name }) => list[name] === undefined),
    known: result.failed.flatMap(({ name }) => {
      const reason = list[name];
      return reason === undefined ? [] : [{ name, reason }];
    }),
    outdated: Object.keys(list).filter((name) => !failed.has(name)),
  };
}

/** A suite's part of docs/conformance.md. */
export function suiteMarkdown(title: string, result: SuiteResult, verdict: Verdict): string {
  const { passed, failed, skipped } = result;
  const row = ({ name, reason }: CaseResult): string =>
    `| ${name} | ${reason.replaceAll("|", "\\|")} |`;
  return [
    `### ${title}`,
    "",
    `${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped by the suite itself.`,
    "",
    "| case that does not pass | reason |",
    "|---|---|",
    ...verdict.known.map(row),
    ...verdict.unexpected.map(({ name, reason }) =>
      row({ name, reason: `**not yet explained**: ${reason}` }),
    ),
    ...skipped.map(({ name, reason }) => row({ name, reason: `skipped: ${reason}` })),
    "",
  ].join("\n");
}
