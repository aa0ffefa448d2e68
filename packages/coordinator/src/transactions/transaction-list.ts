/** What DescribeTransactions and ListTransactions tell of a transactional id (TX17). */
import { Regex } from "../regex/regex.ts";
import { InvalidRegex } from "../regex/syntax.ts";
import type { PartitionsByTopic, TransactionMetadata } from "./transaction-metadata.ts";
import type {
  DescribedTransaction,
  ListTransactionsFilter,
  TopicPartitions,
  TransactionErrorName,
  TransactionStateName,
} from "./transaction-types.ts";

const STATE_NAMES = {
  Empty: true,
  Ongoing: true,
  PrepareCommit: true,
  PrepareAbort: true,
  CompleteCommit: true,
  CompleteAbort: true,
  Dead: true,
  PrepareEpochFence: true,
} satisfies Record<TransactionStateName, true>;

export function describe(metadata: TransactionMetadata): DescribedTransaction {
  return {
    transactionalId: metadata.transactionalId,
    error: "NONE",
    transactionState: metadata.state,
    transactionTimeoutMs: metadata.timeoutMs,
    transactionStartTimeMs: metadata.startMs,
    producerId: metadata.producerId,
    producerEpoch: metadata.producerEpoch,
    topics: toTopics(metadata.partitions),
  };
}

export function describeError(
  transactionalId: string,
  error: TransactionErrorName,
): DescribedTransaction {
  return {
    transactionalId,
    error,
    transactionState: "",
    transactionTimeoutMs: 0,
    transactionStartTimeMs: -1,
    producerId: -1,
    producerEpoch: -1,
    topics: [],
  };
}

/** Names that are no states. */
export function unknownStates(names: readonly string[]): string[] {
  return names.filter((name) => !Object.hasOwn(STATE_NAMES, name));
}

/** A test for what the filter lets through; null when its pattern is no regular expression. */
export function filterOf(
  filter: ListTransactionsFilter,
  nowMs: number,
): ((metadata: TransactionMetadata) => boolean) | null {
  const states = new Set(filter.stateFilters);
  const producerIds = new Set(filter.producerIdFilters);
  const isMatch = matcher(filter.transactionalIdPattern);
  if (isMatch === null) return null;
  return ({ transactionalId, state, producerId, startMs }) =>
    (producerIds.size === 0 || producerIds.has(producerId)) &&
    (states.size === 0 || states.has(state)) &&
    (filter.durationFilterMs < 0 || nowMs - startMs > filter.durationFilterMs) &&
    isMatch(transactionalId);
}

export function toTopics(partitions: PartitionsByTopic): TopicPartitions[] {
  return Array.from(partitions, ([topic, indexes]) => ({ topic, partitions: [...indexes] }));
}

export function fromTopics(topics: readonly TopicPartitions[]): PartitionsByTopic {
  const result = new Map<string, Set<number>>();
  for (const { topic, partitions } of topics) {
    const known = result.get(topic);
    if (known === undefined) result.set(topic, new Set(partitions));
    else for (const partition of partitions) known.add(partition);
  }
  return result;
}

/** Whether an id is wanted by a pattern, which must match all of it; null when it is none. */
function matcher(pattern: string | null): ((transactionalId: string) => boolean) | null {
  if (pattern === null || pattern === "") return () => true;
  try {
    const regex = new Regex(pattern);
    return (transactionalId) => regex.matches(transactionalId);
  } catch (error) {
    if (error instanceof InvalidRegex) return null;
    throw error;
  }
}
