/** Adds a group's partition of `__consumer_offsets` to a transaction. v2: PRODUCER_FENCED. */
import { addOffsetsToTxn } from "@ottla/protocol";
import { isForeignTransaction } from "../coordinators.ts";
import { handler } from "../handler.ts";
import { CONSUMER_OFFSETS_TOPIC } from "../topic-service.ts";
import { transactionErrorCode } from "../transaction-errors.ts";

const FIRST_VERSION_WITH_FENCING = 2;

export const addOffsetsToTxnHandler = handler({
  api: addOffsetsToTxn,

  async handle(context, { groupId, ...producer }) {
    const { groups, transactions } = context.services;
    const partitions = [groups.shardFor(groupId)];
    const error = isForeignTransaction(context, producer.transactionalId)
      ? "NOT_COORDINATOR"
      : await transactions.addPartitions({
          ...producer,
          topics: [{ topic: CONSUMER_OFFSETS_TOPIC, partitions }],
          transactionVersion: 0,
        });
    const knowsFencing = context.version >= FIRST_VERSION_WITH_FENCING;
    return { errorCode: transactionErrorCode(error, knowsFencing) };
  },
});
