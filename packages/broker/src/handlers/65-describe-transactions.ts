/** Describes transactional ids that this broker coordinates (KIP-664). */
import type { DescribedTransaction } from "@ottla/coordinator";
import { describeTransactions, errorCode } from "@ottla/protocol";
import { isForeignTransaction } from "../coordinators.ts";
import { handler } from "../handler.ts";

export const describeTransactionsHandler = handler({
  api: describeTransactions,

  handle(context, { transactionalIds }) {
    const described = context.services.transactions.describeTransactions(transactionalIds);
    return {
      transactionStates: described.map((transaction) =>
        isForeignTransaction(context, transaction.transactionalId)
          ? failed(transaction.transactionalId, "NOT_COORDINATOR")
          : shown(transaction),
      ),
    };
  },
});

function shown(transaction: DescribedTransaction) {
  const { transactionalId, error } = transaction;
  if (error !== "NONE") return failed(transactionalId, error);
  return {
    errorCode: 0,
    transactionalId,
    transactionState: transaction.transactionState,
    transactionTimeoutMs: transaction.transactionTimeoutMs,
    transactionStartTimeMs: transaction.transactionStartTimeMs,
    producerId: transaction.producerId,
    producerEpoch: transaction.producerEpoch,
    topics: transaction.topics,
  };
}

function failed(transactionalId: string, error: DescribedTransaction["error"]) {
  return {
    errorCode: errorCode(error),
    transactionalId,
    transactionState: "",
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}
