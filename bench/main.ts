/**
 * `npm run bench -- [GROUP…] [options]`: Apache Kafka and Ottla, or clients of either, on this machine, in alternation, as ratios.
 *
 *   node -C source bench/main.ts                       every group
 *   node -C source bench/main.ts thin --cells produce-16,fetch-hot --rounds 5 --seconds 5
 *   node -C source bench/main.ts client --sides kafka,ottla --records 1000000
 *   node -C source bench/main.ts --quick               a few minutes
 *   node -C source bench/main.ts --write docs/benchmarks.md
 */
import { parseArgs } from "node:util";
import type { Settings } from "./cells/cell.ts";
import type { Group, RunOptions } from "./cells/group.ts";
import { groups } from "./cells/index.ts";
import { clientNamed } from "./client/group.ts";
import { writeSection } from "./report.ts";
import { type SideName, sides } from "./sides.ts";
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
  --records N           records that each client of the client group sends or reads in a run, 3,000,000 unless told
  --clients A,B         of the client group only these: ottla, kafkajs, platformatic, kcat
  --sides kafka,ottla   only these; the clients group also has the ceiling, the client group has Kafka alone unless told and, to produce to, the ceiling
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
    records: { type: "string" },
    clients: { type: "string" },
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
  records: amount(flags.records, flags.quick ? 500_000 : 3_000_000),
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
  const options: RunOptions = {
    settings,
    rounds,
    sides: flags.sides === undefined ? null : names(flags.sides).map(sideNamed),
    clients: flags.clients === undefined ? null : names(flags.clients).map(clientNamed),
    command: command(),
    log: (line) => process.stderr.write(`${line}\n`),
  };
  for (const group of groups) {
    const cells = group.cells.map(({ name }) => name).filter((cell) => isChosen(group, cell));
    let section = "";
    for await (const { markdown, hasFailed } of group.run(cells, options)) {
      section = markdown;
      if (flags.write) await writeSection(flags.write, group.name, section);
      if (hasFailed) process.exitCode = 1;
    }
    if (section !== "") process.stdout.write(`## ${group.name}\n\n${section}\n\n`);
  }
}

function isChosen(group: Group, cell: string): boolean {
  if (flags.cells) return names(flags.cells).includes(cell);
  if (positionals.length > 0 && !positionals.includes(group.name)) return false;
  return !flags.quick || group.quick.includes(cell);
}

function sideNamed(name: string): SideName {
  if (!Object.hasOwn(sides, name)) throw new Error(`no side ${name}`);
  return name as SideName;
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
