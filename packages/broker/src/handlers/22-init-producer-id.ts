/** Obtains a producer id; with a transactional id, the one that the id has (TX2). v3: the producer says what it believes to be (KIP-360); v4: PRODUCER_FENCED. */
import { errorCode, type InitProducerIdRequest, initProducerId } from "@ottla/protocol";
import { isForeignTransaction } from "../coordinators.ts";
import { handler, type RequestContext } from "../handler.ts";
import { transactionErrorCode } from "../transaction-errors.ts";

const FIRST_VERSION_WITH_IDENTITY = 3;
const FIRST_VERSION_WITH_FENCING = 4;
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
const COORDINATOR_NOT_AVAILABLE = errorCode("COORDINATOR_NOT_AVAILABLE");
const NONE = -1;

export const initProducerIdHandler = handler({
  api: initProducerId,

  async handle(context, request) {
    const { transactionalId, producerId, producerEpoch } = request;
    // Id and epoch come together or not at all.
    if ((producerId === NONE) !== (producerEpoch === NONE)) return failed(INVALID_REQUEST);
    if (transactionalId !== null) return await initTransactional(context, transactionalId, request);
    try {
      const next = await context.services.producerIds.next();
      return { errorCode: 0, producerId: next, producerEpoch: 0 };
    } catch {
      return failed(COORDINATOR_NOT_AVAILABLE);
    }
  },
});

async function initTransactional(
  context: RequestContext,
  transactionalId: string,
  { transactionTimeoutMs, producerId, producerEpoch }: InitProducerIdRequest,
) {
  if (isForeignTransaction(context, transactionalId)) return failed(errorCode("NOT_COORDINATOR"));
  const isTold = context.version >= FIRST_VERSION_WITH_IDENTITY && producerId !== NONE;
  const result = await context.services.transactions.initProducerId({
    transactionalId,
    transactionTimeoutMs,
    expected: isTold ? { producerId, producerEpoch } : null,
  });
  const knowsFencing = context.version >= FIRST_VERSION_WITH_FENCING;
  return {
    errorCode: transactionErrorCode(result.error, knowsFencing),
    producerId: result.producerId,
    producerEpoch: result.producerEpoch,
  };
}

function failed(code: number) {
  return { errorCode: code, producerId: NONE, producerEpoch: NONE };
}
