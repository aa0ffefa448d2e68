/** Finds the coordinator of groups and of transactional ids. v1: key type; v4: several keys; v6: share partitions, which need share groups. */
import { errorCode, errorMessage, findCoordinator } from "@ottla/protocol";
import { groupCoordinator, transactionCoordinator } from "../coordinators.ts";
import { metadataError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import { CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC } from "../topic-service.ts";
import { mapInTurns } from "../turns.ts";

const FIRST_VERSION_WITH_KEYS = 4;
const GROUP = 0;
const TRANSACTION = 1;
const SHARE = 2;
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
const COORDINATOR_NOT_AVAILABLE = errorCode("COORDINATOR_NOT_AVAILABLE");

export const findCoordinatorHandler = handler({
  api: findCoordinator,
  takesTurns: true,

  async handle(context, request) {
    const { keyType } = request;
    if (context.version >= FIRST_VERSION_WITH_KEYS) {
      const coordinators = await mapInTurns(request.coordinatorKeys, async (key) => ({
        key,
        ...(await find(context, keyType, key)),
      }));
      return { coordinators };
    }
    return await find(context, keyType, request.key);
  },
});

async function find(context: RequestContext, keyType: number, key: string) {
  if (keyType !== GROUP && keyType !== TRANSACTION) {
    const known = keyType === SHARE && context.version >= 6;
    return known
      ? notFound(COORDINATOR_NOT_AVAILABLE, "This broker does not serve share groups yet.")
      : notFound(INVALID_REQUEST, errorMessage("INVALID_REQUEST"));
  }
  const { services, connection } = context;
  try {
    await services.topics.ensure(
      keyType === GROUP ? CONSUMER_OFFSETS_TOPIC : TRANSACTION_STATE_TOPIC,
    );
  } catch (cause) {
    return notFound(COORDINATOR_NOT_AVAILABLE, metadataError(cause).message);
  }
  const broker =
    keyType === GROUP ? groupCoordinator(services, key) : transactionCoordinator(services, key);
  const { host, port } = services.cluster.endpoint(broker, connection.listenerName);
  // Without an error the single answer of old versions says so in words.
  const words = context.version >= FIRST_VERSION_WITH_KEYS ? "" : "NONE";
  return { errorCode: 0, errorMessage: words, nodeId: broker.id, host, port };
}

function notFound(code: number, words: string) {
  return { errorCode: code, errorMessage: words, nodeId: -1, host: "", port: -1 };
}
