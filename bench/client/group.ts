import { buildPackages } from "@ottla/testing";
import type { Group, RunOptions, SectionSoFar } from "../cells/group.ts";
import { sides } from "../sides.ts";
import { clientCells } from "./cells.ts";
import { type ClientCellResult, compareClients } from "./compare.ts";
import { type ClientName, clientNames } from "./job.ts";
import { clientMarkdown } from "./report.ts";
import { kcatVersion } from "./run-kcat.ts";

const about =
  "@ottla/client beside other clients on the same broker, each as npm installs it (ours as `npm run build` makes it) in a process of its own, used in its fastest documented way: batches of up to 64 KiB, 5 ms of linger where the client has one, acks=all, idempotence as by default (on in @ottla/client alone). What arrives is counted. CPU is user and system time of the client's process from its start; the broker's cores tell whether the broker is the limit; the ceiling is a process that acknowledges at once and stores nothing.";

export const clientGroup: Group = {
  name: "client",
  about,
  cells: clientCells,
  quick: ["client-produce-100", "client-produce-1k", "client-consume-100", "client-consume-1k"],
  run,
};

async function* run(
  cellNames: readonly string[],
  options: RunOptions,
): AsyncGenerator<SectionSoFar> {
  const { rounds, settings, command, log } = options;
  const brokers = options.sides ?? ["kafka"];
  const clients = options.clients ?? clientNames;
  const results: ClientCellResult[] = [];
  await buildPackages();
  const kcat = clients.includes("kcat") ? await kcatVersion() : "without kcat";
  for (const cell of clientCells.filter(({ name }) => cellNames.includes(name))) {
    log(`${cell.name}: ${cell.about}`);
    for (const broker of brokers) {
      // What it answers to a fetch is nobody's records.
      if (broker === "ceiling" && cell.load.kind === "consume") continue;
      const { directory, records } = settings;
      const side = sides[broker];
      results.push(await compareClients(cell, { side, clients, records, rounds, directory, log }));
    }
    yield {
      markdown: clientMarkdown({
        ...{ about, command, rounds, kcat, results },
        records: settings.records,
        directory: settings.directory,
      }),
      hasFailed: results.some(({ failures }) => failures.length > 0),
    };
  }
}

/** @throws for a name that is no client's */
export function clientNamed(name: string): ClientName {
  const found = clientNames.find((each) => each === name);
  if (found === undefined) throw new Error(`no client ${name}`);
  return found;
}
