/**
 * Whether transactional batches may be appended: their partitions must be in the producer's transaction. Before Produce v12 the producer has
 * added them and is held to it (TX6), since then they add themselves (TX7).
 *
 * The answer holds for the turn of the event loop in which it is given, so the append happens inside of {@link whenAdmitted}. Where partitions
 * have to be added first that takes a write, and requests that come meanwhile on the same connection wait for it: what a producer sends in a
 * row is appended in a row.
 */
import type { TopicPartitions, TransactionErrorName } from "@ottla/coordinator";
import { Later } from "@ottla/platform";
import type { RequestContext } from "./handler.ts";

const FIRST_VERSION_THAT_ADDS = 12;

/** The transactional part of a Produce request. */
export interface TransactionalWrites {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly topics: readonly TopicPartitions[];
}

export interface Admission {
  /** Of all the transactional partitions. */
  readonly error: TransactionErrorName;
  /** Those that are not in the transaction; empty with an error. */
  readonly missing: readonly TopicPartitions[];
}

/** Whether a partition is one of those given, without going through them for each question. */
export function memberOf(
  topics: readonly TopicPartitions[],
): (topic: string, partition: number) => boolean {
  const members = new Map<string, Set<number>>();
  for (const { topic, partitions } of topics) {
    const known = members.get(topic) ?? new Set();
    for (const partition of partitions) known.add(partition);
    members.set(topic, known);
  }
  return (topic, partition) => members.get(topic)?.has(partition) === true;
}

export const ADMITTED: Admission = { error: "NONE", missing: [] };

/** What the last request on a connection waits for, where it does. */
const waiting = new Map<object, Promise<unknown>>();

/** Calls `append` once it is decided what may be appended, in the same turn; null stands for a request without transactional batches. */
export function whenAdmitted<T>(
  context: RequestContext,
  writes: TransactionalWrites | null,
  append: (admission: Admission) => Later<T>,
): Later<T> {
  const { connection } = context;
  const before = waiting.size === 0 ? undefined : waiting.get(connection);
  if (before === undefined) {
    if (writes === null) return append(ADMITTED);
    const admission = admissionNow(context, writes);
    if (!(admission instanceof Promise)) return append(admission);
  }
  const admitted = before === undefined ? Promise.resolve() : before.catch(() => {});
  // `appending` is over when the append is queued; what it resolves to is when that is durable.
  const appending = admitted.then(() => admitLater(context, writes, append));
  waiting.set(connection, appending);
  return Later.from(
    appending
      .finally(() => {
        if (waiting.get(connection) === appending) waiting.delete(connection);
      })
      .then(({ appended }) => appended),
  );
}

/** In an object, so that nobody waits for the append by accident. */
async function admitLater<T>(
  context: RequestContext,
  writes: TransactionalWrites | null,
  append: (admission: Admission) => Later<T>,
): Promise<{ readonly appended: Later<T> }> {
  for (;;) {
    const admission = writes === null ? ADMITTED : admissionNow(context, writes);
    if (!(admission instanceof Promise)) return { appended: append(admission) };
    const error = await admission;
    if (error !== "NONE") return { appended: append({ error, missing: [] }) };
  }
}

/** The admission as of now, or the promise of partitions that are being added; then it is asked for again. */
function admissionNow(
  { version, services, broker }: RequestContext,
  writes: TransactionalWrites,
): Admission | Promise<TransactionErrorName> {
  const { transactions, config } = services;
  if (version >= FIRST_VERSION_THAT_ADDS) {
    const answer = transactions.addPartitions({ ...writes, transactionVersion: 2 });
    return typeof answer === "string" ? { error: answer, missing: [] } : answer;
  }
  if (!config(broker.id).boolean("transaction.partition.verification.enable")) return ADMITTED;
  return transactions.verifyPartitions(writes);
}
