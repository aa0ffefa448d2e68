/** Lists transactional ids that this broker coordinates (KIP-664). v1: duration filter (KIP-994); v2: pattern of ids. */
import { errorCode, listTransactions } from "@ottla/protocol";
import { isForeignTransaction } from "../coordinators.ts";
import { handler } from "../handler.ts";

export const listTransactionsHandler = handler({
  api: listTransactions,

  handle(context, request) {
    const { error, unknownStateFilters, transactions } =
      context.services.transactions.listTransactions({
        stateFilters: request.stateFilters,
        producerIdFilters: request.producerIdFilters,
        durationFilterMs: request.durationFilter,
        transactionalIdPattern: request.transactionalIdPattern,
      });
    return {
      errorCode: errorCode(error),
      unknownStateFilters,
      transactionStates: transactions.filter(
        ({ transactionalId }) => !isForeignTransaction(context, transactionalId),
      ),
    };
  },
});
