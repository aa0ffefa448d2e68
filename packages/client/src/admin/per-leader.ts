import { brokerError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import { type BrokerError, isRetriable, TimeoutError } from "../errors.ts";
import { sleep } from "../transport/backoff.ts";
import type { Connection, RequestOptions } from "../transport/connection.ts";
import { isStaleMetadata } from "../transport/metadata.ts";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** What a leader answered about one partition. */
export interface PartitionAnswer<V> extends TopicPartition {
  readonly errorCode: number;
  readonly errorMessage?: string | null;
  readonly value: V;
}

export type PartitionResult<V> =
  | { readonly error: null; readonly value: V }
  | { readonly error: BrokerError; readonly value: null };

/**
 * Asks the leaders of `items`, one request per broker, and asks again about those that failed for a passing reason. Results are in the
 * order of `items`.
 * @throws what concerns all items: connections that cannot be made, an API that is not served
 */
export async function perLeader<I extends TopicPartition, V>(
  cluster: Cluster,
  what: string,
  items: readonly I[],
  options: CallOptions,
  send: (
    connection: Connection,
    items: readonly I[],
    request: RequestOptions,
  ) => Promise<readonly PartitionAnswer<V>[]>,
): Promise<readonly PartitionResult<V>[]> {
  const results = new Map<I, PartitionResult<V>>();
  const timeoutMs = options.timeoutMs ?? cluster.options.callTimeoutMs;
  const deadlineMs = cluster.now() + timeoutMs;
  const backoff = cluster.backoff();
  let left = [...items];
  while (left.length > 0) {
    options.signal?.throwIfAborted();
    const failed: I[] = [];
    let lastError: unknown = null;
    const fail = (item: I, error: unknown) => {
      lastError = error;
      failed.push(item);
    };
    const byLeader = await groupByLeader(cluster, left, options, fail, results);
    await Promise.all(
      [...byLeader].map(async ([leader, own]) => {
        try {
          const connection = await cluster.brokers.connection(leader, "admin", options.signal);
          const requestMs = Math.min(cluster.options.requestTimeoutMs, deadlineMs - cluster.now());
          const request = { timeoutMs: Math.max(1, requestMs), signal: options.signal };
          const answers = new Map<string, Map<number, PartitionAnswer<V>>>();
          for (const answer of await send(connection, own, request)) {
            let ofTopic = answers.get(answer.topic);
            if (ofTopic === undefined) {
              ofTopic = new Map();
              answers.set(answer.topic, ofTopic);
            }
            ofTopic.set(answer.partition, answer);
          }
          for (const item of own) {
            const answer = answers.get(item.topic)?.get(item.partition);
            const code = answer === undefined ? -1 : answer.errorCode;
            if (answer !== undefined && code === 0) {
              results.set(item, { error: null, value: answer.value });
              continue;
            }
            const subject = `${what} ${item.topic}[${item.partition}]`;
            const error = brokerError(code, subject, answer?.errorMessage);
            results.set(item, { error, value: null });
            if (error.retriable) fail(item, error);
          }
        } catch (error) {
          options.signal?.throwIfAborted();
          if (!isRetriable(error)) throw error;
          for (const item of own) fail(item, error);
        }
      }),
    );
    if (failed.length === 0) break;
    const pauseMs = backoff.nextMs();
    if (cluster.now() + pauseMs >= deadlineMs) {
      if (failed.every((item) => results.has(item))) break;
      throw new TimeoutError(what, timeoutMs, lastError);
    }
    await sleep(cluster.options.clock, pauseMs, options.signal);
    await cluster.metadata
      .refresh(new Set(failed.map(({ topic }) => topic)), options.signal)
      .catch((error: unknown) => {
        options.signal?.throwIfAborted();
        if (!isRetriable(error)) throw error;
      });
    left = failed;
  }
  return items.map((item) => results.get(item)!);
}

async function groupByLeader<I extends TopicPartition, V>(
  cluster: Cluster,
  items: readonly I[],
  options: CallOptions,
  fail: (item: I, error: unknown) => void,
  results: Map<I, PartitionResult<V>>,
): Promise<Map<number, I[]>> {
  const names = new Set(items.map(({ topic }) => topic));
  const missing = [...names].filter((name) => cluster.metadata.cached(name) === null);
  if (missing.length > 0) await cluster.metadata.refresh(missing, options.signal);
  const byLeader = new Map<number, I[]>();
  for (const item of items) {
    const topic = cluster.metadata.cached(item.topic);
    const partition = topic?.partitions[item.partition];
    if (partition === undefined || !cluster.brokers.has(partition.leader)) {
      const code =
        topic === null ? cluster.metadata.errorOf(item.topic) : partition === undefined ? 3 : 5;
      const error = brokerError(code, `${item.topic}[${item.partition}]`);
      results.set(item, { error, value: null });
      // A topic that does not exist is not waited for: whoever asks about it wants to know.
      if (isStaleMetadata(error) && code !== 3) fail(item, error);
      continue;
    }
    const own = byLeader.get(partition.leader);
    if (own === undefined) byLeader.set(partition.leader, [item]);
    else own.push(item);
  }
  return byLeader;
}

/** Items by topic, in the shape most requests want. */
export function byTopic<I extends TopicPartition>(items: readonly I[]): Map<string, I[]> {
  const topics = new Map<string, I[]>();
  for (const item of items) {
    const own = topics.get(item.topic);
    if (own === undefined) topics.set(item.topic, [item]);
    else own.push(item);
  }
  return topics;
}
