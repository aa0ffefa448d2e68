import type { TransactionDescription } from "@ottla/client";
import { inOrder } from "../../cluster/groups.ts";
import { clusterOptions } from "../../cluster/options.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { someArguments } from "../../command-line/option.ts";
import { print } from "../../output/document.ts";
import { fields, table } from "../../output/table.ts";
import { duration, instantText } from "../../output/units.ts";

export const describeTransactions = defineCommand({
  arguments: [someArguments("TRANSACTIONAL-ID", "As its producer names itself")],
  options: clusterOptions,
  examples: [{ about: "What a producer has open", line: "transaction describe billing-1" }],
  async run({ arguments: [ids], options }, context) {
    return await withClient(options, context, async (client) => {
      const { orThrow } = await import("@ottla/client");
      const found = orThrow(await client.admin.describeTransactions([...new Set(ids)]));
      const transactions = found.map(({ error: _, startedAtMs, partitions, ...rest }) => ({
        ...rest,
        /** Null when no transaction is open. */
        startedAtMs: startedAtMs < 0 ? null : startedAtMs,
        partitions: [...partitions].sort(inOrder),
      }));
      const now = context.clock.now();
      await print(context, options.output, { transactions }, () =>
        transactions.map((each) => textOf(each, now)).join("\n"),
      );
      return undefined;
    });
  },
});

type Described = Omit<TransactionDescription, "error" | "startedAtMs"> & {
  readonly startedAtMs: number | null;
};

function textOf(transaction: Described, nowMs: number): string {
  const { startedAtMs, partitions } = transaction;
  const since =
    startedAtMs === null
      ? "-"
      : `${instantText(startedAtMs)}, ${duration(Math.max(0, nowMs - startedAtMs))} ago`;
  const head = fields([
    ["Transactional id", transaction.transactionalId],
    ["State", transaction.state],
    ["Producer", `${transaction.producerId}, epoch ${transaction.producerEpoch}`],
    ["Timeout", duration(transaction.timeoutMs)],
    ["Open since", since],
  ]);
  if (partitions.length === 0) return head;
  const rows = table(
    [
      { title: "topic", cell: (row) => row.topic },
      { title: "partition", align: "right", cell: (row) => row.partition },
    ],
    partitions,
  );
  return `${head}\n${rows}`;
}
