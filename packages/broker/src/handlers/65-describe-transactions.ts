/** Describes transactional ids that this broker coordinates (KIP-664). */
import type { DescribedTransaction } from "@ottla/coordinator";
import { describeTransactions, errorCode } from "@ottla/protocol";
import { isForeignTransaction } from "../coordinators.ts";
import { handler } from "../handler.ts";
import { elementsOf, onceEach } from "../once-each.ts";

export const describeTransactionsHandler = handler({
  api: describeTransactions,

  handle(context, { transactionalIds }) {
    const describe = (transactionalId: string) => {
      if (isForeignTransaction(context, transactionalId)) {
        return failed(transactionalId, "NOT_COORDINATOR");
      }
      const { transactions } = context.services;
      return shown(transactions.describeTransactions([transactionalId])[0]!);
    };
    const describeOnce = onceEach(describe, ({ topics }) => elementsOf(topics));
    return { transactionStates: transactionalIds.map(describeOnce) };
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
