import type { Judgement } from "./allowed.ts";
import type { Difference } from "./compare.ts";
import type { Step } from "./transcript.ts";

/** The differences as lines of text, for a terminal. */
export function describeDifferences(differences: readonly Difference[]): string {
  return differences
    .map(({ scenario, label, api, versions, path, expected, actual }) => {
      const request = `${api}${versions.length === 0 ? "" : ` v${ranges(versions)}`}`;
      return `${scenario}: ${label} [${request}] ${path}\n    Kafka: ${expected}\n    Ottla: ${actual}`;
    })
    .join("\n");
}

/** The section of docs/conformance.md on what was compared and which differences are left. */
export function conformanceMarkdown(kafka: readonly Step[], judgement: Judgement): string {
  const scenarios = new Map<string, { steps: number; apis: Set<string> }>();
  for (const { scenario, api } of kafka) {
    const entry = scenarios.get(scenario) ?? { steps: 0, apis: new Set() };
    entry.steps++;
    if (api !== "") entry.apis.add(api);
    scenarios.set(scenario, entry);
  }
  const lines = [
    `${kafka.length} answers compared field by field.`,
    "",
    "| scenario | answers | APIs |",
    "|---|---|---|",
    ...Array.from(
      scenarios,
      ([name, { steps, apis }]) => `| ${name} | ${steps} | ${Array.from(apis).sort().join(", ")} |`,
    ),
    "",
    "Differences left:",
    "",
    "| scenario | step | versions | field | Apache Kafka | Ottla | reason |",
    "|---|---|---|---|---|---|---|",
    ...judgement.listed.map(({ difference, reason }) => row(difference, reason)),
    ...judgement.unlisted.map((difference) => row(difference, "**not yet explained**")),
  ];
  return `${lines.join("\n")}\n`;
}

function row(difference: Difference, reason: string): string {
  const { scenario, label, versions, path, expected, actual } = difference;
  const cells = [scenario, label, ranges(versions), path, expected, actual, reason];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`;
}

/** 1, 2, 3, 7 as "1–3, 7". */
export function ranges(versions: readonly number[]): string {
  const parts: string[] = [];
  let start = 0;
  versions.forEach((version, index) => {
    if (versions[index + 1] === version + 1) return;
    const from = versions[start]!;
    parts.push(from === version ? String(version) : `${from}–${version}`);
    start = index + 1;
  });
  return parts.join(", ");
}
