import type { Scenario } from "../session.ts";
import { framing } from "./00-framing.ts";
import { versions } from "./01-api-versions.ts";
import { metadataScenario } from "./02-metadata.ts";
import { topics } from "./03-topics.ts";
import { partitions } from "./04-partitions.ts";
import { configs } from "./05-configs.ts";
import { produceScenario } from "./06-produce.ts";
import { idempotence } from "./07-idempotence.ts";
import { fetchScenario } from "./08-fetch.ts";
import { offsetsOfTime } from "./09-list-offsets.ts";
import { groups } from "./10-groups.ts";
import { offsets } from "./11-offsets.ts";
import { cluster } from "./12-cluster.ts";
import { admin } from "./13-admin.ts";
import { transactions } from "./14-transactions.ts";
import { transactionReaders } from "./15-transaction-readers.ts";
import { transactionOffsets } from "./16-transaction-offsets.ts";
import { fencing } from "./17-fencing.ts";

/** In the order in which they are played. A new one is a file beside this one and a line here. */
export const SCENARIOS: readonly Scenario[] = [
  framing,
  versions,
  metadataScenario,
  topics,
  partitions,
  configs,
  produceScenario,
  idempotence,
  fetchScenario,
  offsetsOfTime,
  groups,
  offsets,
  cluster,
  admin,
  transactions,
  transactionReaders,
  transactionOffsets,
  fencing,
];
