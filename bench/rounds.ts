/** Runs a cell on both sides in alternation. Neighbouring rounds go in opposite order, so that drift of the machine falls on both. */
import type { Cell, CellRun, Sample, Settings } from "./cells/cell.ts";
import { flushDisk } from "./disk.ts";
import type { Side, SideName } from "./sides.ts";

export interface CellResult {
  readonly cell: Cell;
  /** In round order; a side that was not asked for or that failed has none. */
  readonly samples: Readonly<Record<SideName, readonly Sample[]>>;
  readonly failures: readonly string[];
}

export async function compare(
  cell: Cell,
  sides: readonly Side[],
  settings: Settings,
  rounds: number,
  log: (line: string) => void,
): Promise<CellResult> {
  const samples: Record<SideName, Sample[]> = { kafka: [], ottla: [], ceiling: [] };
  const failures: string[] = [];
  await using runs = new AsyncDisposableStack();
  const running: { side: Side; run: CellRun }[] = [];
  const fail = (side: Side, error: unknown) => {
    failures.push(`${cell.name}: ${side.title}: ${firstLine(error)}`);
    log(`  ${side.title} failed: ${error instanceof Error ? error.stack : error}`);
  };
  for (const side of sides) {
    try {
      running.push({ side, run: runs.use(await cell.open(side, settings)) });
    } catch (error) {
      fail(side, error);
    }
  }
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [...running] : running.toReversed();
    for (const entry of order) {
      await flushDisk();
      try {
        const sample = await entry.run.round();
        samples[entry.side.name].push(sample);
        log(`  ${round + 1}/${rounds} ${entry.side.title}: ${describe(cell, sample)}`);
      } catch (error) {
        fail(entry.side, error);
        running.splice(running.indexOf(entry), 1);
      }
    }
  }
  return { cell, samples, failures };
}

function describe(cell: Cell, sample: Sample): string {
  const parts = cell.measures.map(({ key, unit }) => `${sample.values[key]?.toFixed(2)} ${unit}`);
  if (sample.cost) parts.push(`${sample.cost.value.toFixed(2)} ${sample.cost.unit}`);
  if (sample.residentBytes) parts.push(`${(sample.residentBytes / 1e6).toFixed(0)} MB resident`);
  if (sample.driverLoad)
    parts.push(`driver at ${(sample.driverLoad * 100).toFixed(0)} % of a core`);
  return parts.join(", ");
}

function firstLine(error: unknown): string {
  return String(error).split("\n")[0] ?? "";
}
