/**
 * `npm run bench -- [GROUP…] [options]`: Apache Kafka and Ottla on this machine, in alternation, as ratios.
 *
 *   node -C source bench/main.ts                       every group
 *   node -C source bench/main.ts thin --cells produce-16,fetch-hot --rounds 5 --seconds 5
 *   node -C source bench/main.ts --quick               a few minutes
 *   node -C source bench/main.ts --write docs/benchmarks.md
 */
import { parseArgs } from "node:util";
import type { Cell, Settings } from "./cells/cell.ts";
import { groups } from "./cells/index.ts";
import { markdown, writeSection } from "./report.ts";
import { type CellResult, compare } from "./rounds.ts";
import { sides } from "./sides.ts";
import { removeDirectoriesWhenInterrupted } from "./workspace.ts";

const usage = `node -C source bench/main.ts [GROUP…] [options]

  GROUP                 ${groups.map(({ name }) => name).join(", ")}; all of them when none is named
  --cells A,B           only these cells (see --list)
  --rounds N            alternations, 5 unless told
  --seconds N           length of one measured run, 5 unless told
  --warmup N            seconds of load before the first round, 10 unless told
  --in-flight N         requests under way on each connection, 5 unless told
  --fetch-mb N          data that fetch cells read, 1024 unless told
  --client-mb N         data that real clients send or read in a round, 1000 unless told
  --sides kafka,ottla   only these; the clients group also has the ceiling
  --dir DIR             parent of the data directories, on a real disk; /var/tmp unless told
  --quick               three rounds of two seconds on the cells that tell most
  --write FILE          replace the groups' sections of FILE, after every cell
  --list                print the cells and stop
`;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cells: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    warmup: { type: "string" },
    "in-flight": { type: "string" },
    "fetch-mb": { type: "string" },
    "client-mb": { type: "string" },
    sides: { type: "string" },
    dir: { type: "string" },
    quick: { type: "boolean", default: false },
    write: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const rounds = amount(flags.rounds, flags.quick ? 3 : 5);
const settings: Settings = {
  seconds: amount(flags.seconds, flags.quick ? 2 : 5),
  warmupSeconds: amount(flags.warmup, flags.quick ? 5 : 10),
  inFlight: amount(flags["in-flight"], 5),
  fetchBytes: amount(flags["fetch-mb"], flags.quick ? 256 : 1024) * 1e6,
  clientBytes: amount(flags["client-mb"], flags.quick ? 200 : 1000) * 1e6,
  directory: flags.dir ?? "/var/tmp",
};

if (flags.help) process.stdout.write(usage);
else if (flags.list) list();
else {
  removeDirectoriesWhenInterrupted();
  await run();
}

function list(): void {
  for (const group of groups) {
    process.stdout.write(`${group.name}: ${group.about}\n`);
    for (const { name, about } of group.cells) process.stdout.write(`  ${name}: ${about}\n`);
  }
}

async function run(): Promise<void> {
  const chosenSides = names(flags.sides ?? Object.keys(sides).join(","));
  const unknown = chosenSides.find((name) => !(name in sides));
  if (unknown !== undefined) throw new Error(`no side ${unknown}`);
  for (const group of groups) {
    const cells = group.cells.filter((cell) => isChosen(group.name, cell, group.quick));
    const groupSides = group.sides.filter((name) => chosenSides.includes(name));
    const results: CellResult[] = [];
    for (const cell of cells) {
      process.stderr.write(`${cell.name}: ${cell.about}\n`);
      results.push(
        await compare(
          cell,
          groupSides.map((name) => sides[name]),
          settings,
          rounds,
          (line) => process.stderr.write(`${line}\n`),
        ),
      );
      const section = markdown({
        group: group.name,
        about: group.about,
        command: command(),
        rounds,
        directory: settings.directory,
        hasCeiling: group.sides.includes("ceiling"),
        results,
      });
      if (flags.write) await writeSection(flags.write, group.name, section);
      if (results.at(-1)!.failures.length > 0) process.exitCode = 1;
      if (cell === cells.at(-1)) process.stdout.write(`## ${group.name}\n\n${section}\n\n`);
    }
  }
}

function isChosen(group: string, cell: Cell, quick: readonly string[]): boolean {
  if (flags.cells) return names(flags.cells).includes(cell.name);
  if (positionals.length > 0 && !positionals.includes(group)) return false;
  return !flags.quick || quick.includes(cell.name);
}

/** What was typed, for the document. */
function command(): string {
  return ["node -C source bench/main.ts", ...process.argv.slice(2)].join(" ");
}

function names(list: string): string[] {
  return list.split(",").filter((name) => name !== "");
}

function amount(text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0)) throw new Error(`not a positive number: ${text}\n\n${usage}`);
  return value;
}
