import type { TransactionState } from "@ottla/client";
import { clusterOptions } from "../../cluster/options.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { optional, repeated } from "../../command-line/option.ts";
import { durationMs, integer, oneOf, text } from "../../command-line/value.ts";
import { print } from "../../output/document.ts";
import { table } from "../../output/table.ts";

const states = [
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "Dead",
  "PrepareEpochFence",
] as const satisfies readonly TransactionState[];

export const listTransactions = defineCommand({
  description:
    "Transactional ids and the state of their last transaction. One that stays open holds back everybody who reads committed records only.",
  arguments: [],
  options: {
    state: repeated(oneOf(...states), {
      about: "Only those in this state, such as Ongoing",
      placeholder: "STATE",
    }),
    producerId: repeated(integer({ min: 0 }), {
      about: "Only those of this producer id",
      placeholder: "ID",
    }),
    openFor: optional(durationMs, {
      about: "Only those that have been open for longer than PT5M or 5m",
      placeholder: "DURATION",
    }),
    matching: optional(text, {
      about: "Only ids that match a regular expression of the broker's kind",
      placeholder: "PATTERN",
    }),
    ...clusterOptions,
  },
  examples: [
    { about: "What is open", line: "transaction list --state Ongoing" },
    { about: "What has been open for long", line: "transaction list --open-for 15m" },
  ],
  async run({ options }, context) {
    return await withClient(options, context, async (client) => {
      const transactions = await client.admin.listTransactions({
        ...(options.state.length === 0 ? {} : { states: options.state }),
        ...(options.producerId.length === 0 ? {} : { producerIds: options.producerId }),
        ...(options.openFor === null ? {} : { minDurationMs: options.openFor }),
        ...(options.matching === null ? {} : { transactionalIdPattern: options.matching }),
      });
      await print(context, options.output, { transactions }, () =>
        transactions.length === 0
          ? ""
          : table(
              [
                { title: "transactional id", cell: (row) => row.transactionalId },
                { title: "state", cell: (row) => row.state },
                { title: "producer id", align: "right", cell: (row) => row.producerId },
              ],
              transactions,
            ),
      );
      if (transactions.length === 0 && options.output === "text") {
        await context.stderr.write("no transactions\n");
      }
      return undefined;
    });
  },
});
