/**
 * Where Ottla differs from Apache Kafka on purpose, or because nothing depends on it, each with its reason. A difference that is not
 * listed fails the differential test; so does an entry that matches nothing any more.
 */
import type { Difference } from "./compare.ts";

export interface AllowedDifference {
  readonly scenario: string;
  /** The step's label, or a pattern of several. */
  readonly label: string | RegExp;
  /** The field, or a pattern; everything in the step when left out. */
  readonly path?: string | RegExp;
  readonly reason: string;
}

/** APIs that Kafka's broker listener advertises and Ottla does not, or not yet. */
const ABSENT_APIS: Readonly<Record<string, readonly number[]>> = {
  "SCRAM credentials and quotas come with the security milestone.": [48, 49, 50, 51],
  "There is no quorum to join or leave.": [80, 81],
  "The new consumer group protocol comes with its milestone.": [68, 69],
  "Share groups come with their milestone.": [76, 77, 78, 79, 90, 91, 92],
  "Between brokers only; Kafka keeps the state of share groups with it.": [83, 84, 85, 86, 87],
  "Streams groups come with their milestone.": [88, 89],
};

const absentApis = Object.entries(ABSENT_APIS).flatMap(([reason, keys]) =>
  keys.map((key) => ({
    scenario: "api-versions",
    label: "ranges and features",
    path: `apiKeys[${key}]`,
    reason,
  })),
);

const absentFeatures = ["eligible.leader.replicas", "group", "share", "streams", "kraft"].map(
  (feature) => ({
    scenario: "api-versions",
    label: "ranges and features",
    path: new RegExp(`Features\\[${feature}\\.version\\]$`),
    reason: "A feature is announced when what it promises is there.",
  }),
);

const MIN_INSYNC_REPLICAS =
  "Kafka stores min.insync.replicas as a setting of the cluster for its eligible leader replicas; with one copy it is a plain default.";

export const ALLOWED_DIFFERENCES: readonly AllowedDifference[] = [
  ...absentApis,
  ...absentFeatures,
  {
    scenario: "metadata",
    label: "auto-creation, first answer",
    reason:
      "Kafka answers before the topic exists and clients ask again; Ottla creates it first and answers with it.",
  },
  {
    scenario: "topics",
    label: /./,
    path: /\[min\.insync\.replicas\]/,
    reason: MIN_INSYNC_REPLICAS,
  },
  {
    scenario: "configs",
    label: /./,
    path: /\[min\.insync\.replicas\]\.(configSource|synonyms)/,
    reason: MIN_INSYNC_REPLICAS,
  },
  {
    scenario: "configs",
    label: "default of brokers",
    path: /\[min\.insync\.replicas\]$/,
    reason: MIN_INSYNC_REPLICAS,
  },
  {
    scenario: "configs",
    label: "the broker",
    path: /\[advertised\.listeners\]\.configSource$/,
    reason:
      "The reference broker's properties file sets advertised.listeners; Ottla derives it from where it listens.",
  },
  {
    scenario: "produce",
    label: "null records",
    reason:
      "Kafka never answers a Produce whose records are null; Ottla refuses it with INVALID_RECORD.",
  },
  {
    scenario: "produce",
    label: "record's offset delta wrong",
    path: /\.(errorCode|baseOffset|logAppendTimeMs)$/,
    reason:
      "Kafka takes the offsets of an uncompressed batch from its header and stores the deltas unread; Ottla refuses records that contradict their batch.",
  },
  {
    scenario: "produce",
    label: /^(gzip|zstd|lz4|snappy) that is not$/,
    path: /\.(errorCode|baseOffset|logAppendTimeMs)$/,
    reason:
      "Kafka decompresses every batch to validate it; Ottla passes compressed batches through as received and decompresses only when something needs the records.",
  },
  {
    scenario: "transactions",
    label: "add to no transaction",
    reason: "Kafka never answers an AddPartitionsToTxn without transactions; Ottla answers it.",
  },
  {
    scenario: "transactions",
    label: "no producer",
    path: /\.(errorCode|baseOffset|logStartOffset)$/,
    reason:
      "Kafka appends a transactional batch without a producer id, which no marker can ever end; Ottla refuses it.",
  },
  {
    scenario: "fencing",
    label: "zombie ends after its successor's commit",
    path: /^(errorCode|producerId|producerEpoch)$/,
    reason:
      "Kafka takes a fenced producer's EndTxn v5 for a repetition of its successor's commit, confirms it and hands out the successor's epoch; Ottla answers PRODUCER_FENCED.",
  },
  {
    scenario: "transaction-readers",
    label: "committed, one batch",
    path: /\.abortedTransactions\[/,
    reason:
      "Kafka takes the end of a small read from its sparse index and names aborted transactions behind it; Ottla names those that the answer's records touch.",
  },
];

export interface Judgement {
  /** Differences that no entry allows. */
  readonly unlisted: readonly Difference[];
  readonly listed: readonly { readonly difference: Difference; readonly reason: string }[];
  /** Entries that match no difference. */
  readonly vanished: readonly AllowedDifference[];
}

/** Sorts differences into allowed ones and others. */
export function judge(
  differences: readonly Difference[],
  allowed: readonly AllowedDifference[] = ALLOWED_DIFFERENCES,
): Judgement {
  const used = new Set<AllowedDifference>();
  const unlisted: Difference[] = [];
  const listed: { difference: Difference; reason: string }[] = [];
  for (const difference of differences) {
    const entry = allowed.find((each) => covers(each, difference));
    if (entry === undefined) unlisted.push(difference);
    else {
      used.add(entry);
      listed.push({ difference, reason: entry.reason });
    }
  }
  return { unlisted, listed, vanished: allowed.filter((each) => !used.has(each)) };
}

function covers(entry: AllowedDifference, difference: Difference): boolean {
  return (
    entry.scenario === difference.scenario &&
    matches(entry.label, difference.label) &&
    (entry.path === undefined || matches(entry.path, difference.path))
  );
}

function matches(pattern: string | RegExp, text: string): boolean {
  return typeof pattern === "string" ? pattern === text : pattern.test(text);
}
