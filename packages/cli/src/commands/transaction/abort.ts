import type { TopicPartition } from "@ottla/client";
import { openTransaction, owningTransaction } from "../../cluster/hanging.ts";
import { clusterOptions } from "../../cluster/options.ts";
import { partitionNumber } from "../../cluster/partitions.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { anyArguments, flag, optional } from "../../command-line/option.ts";
import { InvalidValue, integer, type Parse, text } from "../../command-line/value.ts";
import { CommandFailure, UsageFailure } from "../../errors.ts";
import { print } from "../../output/document.ts";

const onePartition: Parse<TopicPartition> = (raw) => {
  const [, topic, partition] = /^([^:]+):(\d+)$/.exec(raw) ?? [];
  if (topic === undefined) throw new InvalidValue(`takes TOPIC:PARTITION, not "${raw}"`);
  return { topic, partition: partitionNumber(partition!) };
};

export const abortTransactions = defineCommand({
  description:
    "Aborts what producers have open, by taking their transactional ids over: a producer that is still there is fenced and fails. A transaction that " +
    "no coordinator knows of any more is aborted by its partition and where it starts there, which --partition without --start-offset lists.",
  arguments: [anyArguments("TRANSACTIONAL-ID", "Whose open transaction to abort", text)],
  options: {
    partition: optional(onePartition, {
      about: "A partition that a transaction hangs in",
      placeholder: "TOPIC:PARTITION",
    }),
    startOffset: optional(integer({ min: 0 }), {
      about: "Where the hanging transaction starts in the partition",
      placeholder: "OFFSET",
    }),
    force: flag({ about: "Abort in the partition even what its coordinator has open" }),
    ...clusterOptions,
  },
  examples: [
    { about: "Abort what a producer left open", line: "transaction abort billing-1" },
    {
      about: "Abort what hangs in a partition",
      line: "transaction abort --partition orders:3 --start-offset 4711",
    },
  ],
  async run({ arguments: [ids], options }, context) {
    const { partition, startOffset } = options;
    if (ids.length > 0 === (partition !== null)) {
      throw new UsageFailure("say what to abort: a transactional id, or --partition");
    }
    if (partition === null) {
      if (startOffset !== null) throw new UsageFailure("--start-offset goes with --partition");
      return await withClient(options, context, async (client) => {
        const transactions: { transactionalId: string; aborted: boolean }[] = [];
        for (const transactionalId of new Set(ids)) {
          const [found] = await client.admin.describeTransactions([transactionalId]);
          // Taking over an id that nobody has would make it.
          if (found!.error !== null) throw found!.error;
          const aborted = found!.state === "Ongoing";
          await using producer = client.transactionalProducer({
            transactionalId,
            transactionTimeoutMs: found!.timeoutMs,
          });
          await producer.init();
          transactions.push({ transactionalId, aborted });
        }
        await print(context, options.output, { transactions }, () =>
          transactions
            .map(({ transactionalId, aborted }) =>
              aborted
                ? `aborted the transaction of ${transactionalId}\n`
                : `${transactionalId} had nothing open; its producer is fenced\n`,
            )
            .join(""),
        );
        return undefined;
      });
    }
    return await withClient(options, context, async (client) => {
      const producer = await openTransaction(client, partition, startOffset);
      const owner = await owningTransaction(client, partition, producer);
      if (owner !== null && !options.force) {
        throw new CommandFailure(`the transaction does not hang: it is open for "${owner}"`, {
          hints: [`"transaction abort ${owner}" aborts it in all of its partitions.`],
        });
      }
      const { producerId, producerEpoch, coordinatorEpoch } = producer;
      await client.admin.abortTransaction({
        ...partition,
        ...{ producerId, producerEpoch, coordinatorEpoch },
      });
      const result = { ...partition, startOffset, producerId, producerEpoch, aborted: true };
      await print(
        context,
        options.output,
        result,
        () =>
          `aborted the transaction of producer ${producerId} in ${partition.topic}[${partition.partition}]\n`,
      );
      return undefined;
    });
  },
});
