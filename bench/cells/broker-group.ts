/** Groups that compare brokers: every cell on each side in alternation. */
import { markdown } from "../report.ts";
import { type CellResult, compare } from "../rounds.ts";
import { type SideName, sides } from "../sides.ts";
import type { Cell } from "./cell.ts";
import type { Group, RunOptions, SectionSoFar } from "./group.ts";

export interface BrokerGroup {
  readonly name: string;
  readonly about: string;
  readonly cells: readonly Cell[];
  readonly sides: readonly SideName[];
  readonly quick: readonly string[];
}

export function brokerGroup(group: BrokerGroup): Group {
  const { name, about, cells, quick } = group;
  return { name, about, cells, quick, run: (chosen, options) => run(group, chosen, options) };
}

async function* run(
  group: BrokerGroup,
  cellNames: readonly string[],
  options: RunOptions,
): AsyncGenerator<SectionSoFar> {
  const { settings, rounds, command, log } = options;
  const results: CellResult[] = [];
  for (const cell of group.cells.filter(({ name }) => cellNames.includes(name))) {
    log(`${cell.name}: ${cell.about}`);
    const chosen = (cell.sides ?? group.sides).filter(
      (name) => options.sides?.includes(name) ?? true,
    );
    results.push(
      await compare(
        cell,
        chosen.map((name) => sides[name]),
        settings,
        rounds,
        log,
      ),
    );
    yield {
      markdown: markdown({
        group: group.name,
        about: group.about,
        command,
        rounds,
        directory: settings.directory,
        hasCeiling: group.sides.includes("ceiling"),
        results,
      }),
      hasFailed: results.at(-1)!.failures.length > 0,
    };
  }
}
