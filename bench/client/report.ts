/** The client group as Markdown: a row for each broker, cell and measure, a column for each client, then the two ratios that count. */
import { machine, median, number, row } from "../report.ts";
import type { ClientCellResult, ClientSample } from "./compare.ts";
import { type ClientName, clientNames } from "./job.ts";

export interface ClientReport {
  readonly about: string;
  readonly command: string;
  readonly rounds: number;
  readonly records: number;
  readonly directory: string;
  readonly kcat: string;
  readonly results: readonly ClientCellResult[];
}

interface ClientMeasure {
  readonly unit: string;
  /** Which of two libraries is the better one. */
  readonly better: "more" | "less";
  readonly isCompared: boolean;
  value(sample: ClientSample): number;
}

const measures: readonly ClientMeasure[] = [
  {
    unit: "M records/s",
    better: "more",
    isCompared: true,
    value: ({ recordsPerSecond }) => recordsPerSecond / 1e6,
  },
  {
    unit: "CPU s per million",
    better: "less",
    isCompared: true,
    value: ({ cpuPerMillion }) => cpuPerMillion,
  },
  {
    unit: "peak MB",
    better: "less",
    isCompared: true,
    value: ({ peakBytes }) => peakBytes / 1e6,
  },
  {
    unit: "broker's cores",
    better: "less",
    isCompared: false,
    value: ({ brokerCores }) => brokerCores,
  },
];

const titles: Readonly<Record<ClientName, string>> = {
  ottla: "@ottla/client",
  kafkajs: "kafkajs",
  platformatic: "@platformatic/kafka",
  kcat: "kcat",
};

export function clientMarkdown(report: ClientReport): string {
  const columns = [
    ...["cell", "what", "broker", "unit", ...clientNames.map((name) => titles[name])],
    ...["to the better library", "to kcat"],
  ];
  const failures = report.results.flatMap((result) => result.failures);
  return [
    `${report.about} ${machine(report.directory)}`,
    `${report.records.toLocaleString("en")} records a run, median of ${report.rounds} alternating rounds (min–max), ${report.kcat}. The ratios are @ottla/client's medians over the others': for a rate more is better, for CPU and memory less.`,
    "",
    "```sh",
    report.command,
    "```",
    "",
    row(columns),
    row(columns.map(() => "---")),
    ...report.results.flatMap(rows),
    "",
    ...failures.map((failure) => `- ${failure}`),
  ]
    .join("\n")
    .trimEnd();
}

function rows({ cell, broker, samples }: ClientCellResult): string[] {
  return measures.map((measure, index) => {
    const values = (name: ClientName) => samples[name].map((sample) => measure.value(sample));
    const ottla = values("ottla");
    return row([
      ...(index === 0 ? [cell.name, cell.about, broker] : ["", "", ""]),
      measure.unit,
      ...clientNames.map((name) => spread(values(name))),
      measure.isCompared
        ? ratioToBetter(ottla, [values("kafkajs"), values("platformatic")], measure.better)
        : "",
      measure.isCompared ? ratioToBetter(ottla, [values("kcat")], measure.better) : "",
    ]);
  });
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return "–";
  return `${number(median(values))} (${number(Math.min(...values))}–${number(Math.max(...values))})`;
}

/** The ratio of medians to the other that did best. */
export function ratioToBetter(
  own: readonly number[],
  others: readonly (readonly number[])[],
  better: "more" | "less",
): string {
  const medians = others.filter((values) => values.length > 0).map(median);
  if (own.length === 0 || medians.length === 0) return "–";
  const best = better === "more" ? Math.max(...medians) : Math.min(...medians);
  return `**${(median(own) / best).toPrecision(2)}**`;
}
