/**
 * Transactions that hang: open in a partition, while their coordinator no longer knows of them and so will never end them (KIP-664). Only
 * those may be ended by a marker of one's own: in the middle of a living transaction it would break it.
 */
import type { ActiveProducer, Client, TopicPartition } from "@ottla/client";
import { CommandFailure } from "../errors.ts";

/** The producer whose transaction starts at this offset of the partition. @throws {CommandFailure} when there is none */
export async function openTransaction(
  { admin }: Client,
  place: TopicPartition,
  startOffset: number | null,
): Promise<ActiveProducer> {
  const [described] = await admin.describeProducers([place]);
  if (described!.error !== null) throw described!.error;
  const open = described!.producers.filter(({ transactionStartOffset: at }) => at >= 0);
  const found = open.find(({ transactionStartOffset: at }) => at === startOffset);
  if (found !== undefined) return found;
  const starts = open.map(({ transactionStartOffset: at }) => at);
  const name = `${place.topic}[${place.partition}]`;
  const message =
    startOffset === null
      ? `say with --start-offset which transaction of ${name}`
      : `no transaction of ${name} starts at ${startOffset}`;
  throw new CommandFailure(message, {
    hints: [starts.length === 0 ? "None is open there." : `They start at ${starts.join(", ")}.`],
  });
}

/** The transactional id under which a coordinator has this transaction open in the partition, or null: then it hangs. */
export async function owningTransaction(
  { admin }: Client,
  place: TopicPartition,
  { producerId }: ActiveProducer,
): Promise<string | null> {
  const listed = await admin.listTransactions({ producerIds: [producerId] });
  const described = await admin.describeTransactions(
    listed.map(({ transactionalId }) => transactionalId),
  );
  const owner = described.find(
    ({ error, state, partitions }) =>
      error === null &&
      ["Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence"].includes(state) &&
      partitions.some(
        ({ topic, partition }) => topic === place.topic && partition === place.partition,
      ),
  );
  return owner?.transactionalId ?? null;
}
