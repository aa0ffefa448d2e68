/** Commits or aborts a transaction (TX8). v2: PRODUCER_FENCED; v5: each transaction has an epoch of its own, and the answer the next one's (TX7). */
import { endTxn } from "@ottla/protocol";
import { isForeignTransaction } from "../coordinators.ts";
import { handler } from "../handler.ts";
import { transactionErrorCode } from "../transaction-errors.ts";

const FIRST_VERSION_WITH_FENCING = 2;
const FIRST_VERSION_WITH_EPOCHS = 5;

export const endTxnHandler = handler({
  api: endTxn,

  async handle(context, { committed, ...producer }) {
    const result = isForeignTransaction(context, producer.transactionalId)
      ? ({ error: "NOT_COORDINATOR", producerId: -1, producerEpoch: -1 } as const)
      : await context.services.transactions.endTransaction({
          ...producer,
          commit: committed,
          transactionVersion: context.version >= FIRST_VERSION_WITH_EPOCHS ? 2 : 0,
        });
    const knowsFencing = context.version >= FIRST_VERSION_WITH_FENCING;
    return {
      errorCode: transactionErrorCode(result.error, knowsFencing),
      producerId: result.producerId,
      producerEpoch: result.producerEpoch,
    };
  },
});
