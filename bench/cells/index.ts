/** Every group of cells, in the order they run. `quick` names the ones that tell most in a few minutes. */
import type { SideName } from "../sides.ts";
import type { Cell } from "./cell.ts";
import { clientCells } from "./clients.ts";
import { lifecycleCells } from "./lifecycle.ts";
import { thinCells } from "./thin.ts";

export interface Group {
  readonly name: string;
  readonly about: string;
  readonly cells: readonly Cell[];
  readonly sides: readonly SideName[];
  readonly quick: readonly string[];
}

export const groups: readonly Group[] = [
  {
    name: "thin",
    about:
      "Raw sockets with pre-encoded requests and checked answers: the broker alone. Ottla's acks=all waits for stable storage, Kafka's for the page cache. MB are 10⁶ bytes of record values; CPU is user and system time of all of the broker's threads.",
    cells: thinCells,
    sides: ["kafka", "ottla"],
    quick: ["produce-16", "singles", "singles-1000p", "fetch-hot", "latency-1000"],
  },
  {
    name: "lifecycle",
    about: "Start, start after SIGKILL, memory (resident; peak in brackets).",
    cells: lifecycleCells,
    sides: ["kafka", "ottla"],
    quick: ["start", "kill-1000", "memory-1"],
  },
  {
    name: "clients",
    about:
      "What users feel, bounded by the client itself. The ceiling is the same client against a broker that answers at once and stores nothing; CPU is the broker's, the client's own start included.",
    cells: clientCells,
    sides: ["kafka", "ottla", "ceiling"],
    quick: ["java-produce", "java-consume", "kcat-produce"],
  },
];
