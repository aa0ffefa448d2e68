/** Results as Markdown, and their place in a document: one marked section per group, the rest of the file untouched. */
import { readFileSync, statfsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import type { Measure, Sample } from "./cells/cell.ts";
import type { CellResult } from "./rounds.ts";

export interface Report {
  readonly group: string;
  readonly about: string;
  /** As the user typed it. */
  readonly command: string;
  readonly rounds: number;
  readonly directory: string;
  /** Whether the group also ran against the ceiling, for a column of its own. */
  readonly hasCeiling: boolean;
  readonly results: readonly CellResult[];
}

/** Share of a core from which on the driver, and not the broker, may be what is measured. */
const busyDriver = 0.85;

/**
 * A row per measure: median (min–max) of each side, the ratio of medians, then what it cost. The ratio is Ottla's number over Kafka's
 * whatever is better, so 2.0 is good for a rate and 0.5 for a time.
 */
export function markdown(report: Report): string {
  const lines = [
    `${report.about} ${machine(report.directory)}`,
    `Median of ${report.rounds} alternating rounds (min–max); the ratio is Ottla's median over Apache Kafka's.`,
    "",
    "```sh",
    report.command,
    "```",
    "",
    row(columns(report.hasCeiling)),
    row(columns(report.hasCeiling).map(() => "---")),
    ...report.results.flatMap((result) => rows(result, report.hasCeiling)),
    "",
    ...notes(report.results),
  ];
  return lines.join("\n").trimEnd();
}

/** Puts a section into a document between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, at the end when it has none yet. */
export async function writeSection(file: string, group: string, section: string): Promise<void> {
  const existing = await readFile(file, "utf8").catch(() => "# Benchmarks\n");
  const open = `<!-- bench:${group} -->`;
  const close = `<!-- /bench:${group} -->`;
  const start = existing.indexOf(open);
  const end = existing.indexOf(close);
  const text = `${open}\n${section}\n${close}`;
  const updated =
    start >= 0 && end > start
      ? existing.slice(0, start) + text + existing.slice(end + close.length)
      : `${existing.trimEnd()}\n\n## ${group}\n\n${text}\n`;
  await writeFile(file, updated);
}

function columns(hasCeiling: boolean): string[] {
  return [
    ...["cell", "what", "unit", "Apache Kafka", "Ottla", "ratio"],
    ...(hasCeiling ? ["ceiling"] : []),
    ...["CPU Kafka", "CPU Ottla", "CPU ratio", "memory Kafka (peak)", "memory Ottla (peak)"],
  ];
}

function rows({ cell, samples }: CellResult, hasCeiling: boolean): string[] {
  const { kafka, ottla, ceiling } = samples;
  return cell.measures.map((measure, index) => {
    const { key, unit } = measure;
    const costs = [
      ...[cost(kafka), cost(ottla), ratio(costsOf(kafka), costsOf(ottla))],
      ...[resident(kafka), resident(ottla)],
    ];
    const isFirst = index === 0;
    return row([
      ...(isFirst ? [cell.name, cell.about] : ["", ""]),
      cell.measures.length > 1 ? `${key}, ${unit}` : unit,
      spread(kafka, measure),
      spread(ottla, measure),
      ratio(valuesOf(kafka, measure), valuesOf(ottla, measure)),
      ...(hasCeiling ? [spread(ceiling, measure)] : []),
      // What it cost belongs to the cell: it stands on the first of its rows.
      ...(isFirst ? costs : costs.map(() => "")),
    ]);
  });
}

export function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function notes(results: readonly CellResult[]): string[] {
  const all = results.flatMap((result) => [
    ...[...result.samples.kafka, ...result.samples.ottla].flatMap(({ note }) => note ?? []),
    ...Object.entries(result.samples).flatMap(([side, samples]) => {
      const loads = samples.flatMap(({ driverLoad }) => driverLoad ?? []);
      if (loads.length === 0 || median(loads) < busyDriver) return [];
      const percent = number(median(loads) * 100);
      return `${result.cell.name}: the driver used ${percent} % of a core on ${side}, which may be faster than this.`;
    }),
    ...result.failures,
  ]);
  return [...new Set(all)].map((note) => `- ${note}`);
}

function spread(samples: readonly Sample[], measure: Measure): string {
  const values = valuesOf(samples, measure);
  if (values.length === 0) return "–";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${number(median(values))} (${number(low)}–${number(high)})`;
}

function cost(samples: readonly Sample[]): string {
  const unit = samples.find((sample) => sample.cost)?.cost?.unit;
  return unit === undefined ? "–" : `${number(median(costsOf(samples)))} ${unit}`;
}

function resident(samples: readonly Sample[]): string {
  const now = samples.flatMap(({ residentBytes }) => residentBytes ?? []);
  const peak = samples.flatMap(({ peakBytes }) => peakBytes ?? []);
  if (now.length === 0) return "–";
  return `${number(median(now) / 1e6)} (${number(Math.max(...peak) / 1e6)}) MB`;
}

function ratio(kafka: readonly number[], ottla: readonly number[]): string {
  if (kafka.length === 0 || ottla.length === 0) return "–";
  const quotient = median(ottla) / median(kafka);
  // EndToEndLatency counts whole milliseconds, of which there may be none.
  return Number.isFinite(quotient) ? `**${quotient.toPrecision(2)}**` : "–";
}

function valuesOf(samples: readonly Sample[], { key }: Measure): number[] {
  return samples.flatMap(({ values }) => values[key] ?? []);
}

function costsOf(samples: readonly Sample[]): number[] {
  return samples.flatMap((sample) => sample.cost?.value ?? []);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Three significant digits, thousands separated. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/** What the numbers were measured on. */
export function machine(directory: string): string {
  const [first] = cpus();
  const cores = `${cpus().length} × ${first?.model.trim() ?? "unknown CPU"}`;
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `On ${cores}, ${gigabytes} GiB, Linux ${release()}, ${fileSystem(directory)}, Node ${process.version}.`;
}

function fileSystem(directory: string): string {
  // The longest mount point above the directory is the one it lies on.
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, point]) => point && `${directory}/`.startsWith(point === "/" ? "/" : `${point}/`));
  const type = mounts.sort((a, b) => a[1]!.length - b[1]!.length).at(-1)?.[2] ?? "unknown";
  return `${type} with blocks of ${statfsSync(directory).bsize} B`;
}
