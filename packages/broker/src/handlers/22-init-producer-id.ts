/** Obtains a producer id for an idempotent producer. Transactional ids need a transaction coordinator and are refused. */
import { errorCode, initProducerId } from "@ottla/protocol";
import { handler } from "../handler.ts";

const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = errorCode("TRANSACTIONAL_ID_AUTHORIZATION_FAILED");
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
const COORDINATOR_NOT_AVAILABLE = errorCode("COORDINATOR_NOT_AVAILABLE");

export const initProducerIdHandler = handler({
  api: initProducerId,

  async handle(context, request) {
    const { transactionalId, producerId, producerEpoch } = request;
    if (transactionalId === "") return failed(INVALID_REQUEST);
    if (transactionalId !== null) return failed(TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    // Id and epoch come together or not at all.
    if ((producerId === -1) !== (producerEpoch === -1)) return failed(INVALID_REQUEST);
    try {
      const next = await context.services.producerIds.next();
      return { errorCode: 0, producerId: next, producerEpoch: 0 };
    } catch {
      return failed(COORDINATOR_NOT_AVAILABLE);
    }
  },
});

function failed(code: number) {
  return { errorCode: code, producerId: -1, producerEpoch: -1 };
}
