/** Every group of cells, in the order they run. `quick` names the ones that tell most in a few minutes. */
import { clientGroup } from "../client/group.ts";
import { brokerGroup } from "./broker-group.ts";
import { clientCells } from "./clients.ts";
import { eosCells } from "./eos.ts";
import type { Group } from "./group.ts";
import { lifecycleCells } from "./lifecycle.ts";
import { thinCells } from "./thin.ts";

export const groups: readonly Group[] = [
  brokerGroup({
    name: "thin",
    about:
      "Raw sockets with pre-encoded requests and checked answers: the broker alone. Ottla's acks=all waits for stable storage, Kafka's for the page cache. MB are 10⁶ bytes of record values; CPU is user and system time of all of the broker's threads. The ceiling is what the same driver reaches against a process of Node that answers at once and stores nothing: the most that any broker in one such process could.",
    cells: thinCells,
    sides: ["kafka", "ottla", "ceiling"],
    quick: ["produce-16", "singles", "singles-1000p", "fetch-hot", "latency-1000"],
  }),
  brokerGroup({
    name: "lifecycle",
    about: "Start, start after SIGKILL, memory (resident; peak in brackets).",
    cells: lifecycleCells,
    sides: ["kafka", "ottla"],
    quick: ["start", "kill-1000", "memory-1"],
  }),
  brokerGroup({
    name: "clients",
    about:
      "What users feel, bounded by the client itself. The ceiling is the same client against a broker that answers at once and stores nothing; CPU is the broker's, the client's own start included.",
    cells: clientCells,
    sides: ["kafka", "ottla", "ceiling"],
    quick: ["java-produce", "java-consume", "kcat-produce"],
  }),
  brokerGroup({
    name: "eos",
    about:
      "Transactions and compaction. Transactional producers of @ottla/client, the same on both sides, commit at fixed intervals; every reader of committed records is counted against what was committed. The cleaner gets the same records on both sides, and what is left is compared with the last value of each key. CPU is the broker's.",
    cells: eosCells,
    sides: ["kafka", "ottla"],
    quick: ["transactions-100ms", "compaction"],
  }),
  clientGroup,
];
