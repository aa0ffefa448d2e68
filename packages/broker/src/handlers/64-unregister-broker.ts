/** Takes a broker off the cluster's list. All brokers there are run in this process, and a running one stays. */
import { errorCode, unregisterBroker } from "@ottla/protocol";
import { handler } from "../handler.ts";

const BROKER_ID_NOT_REGISTERED = errorCode("BROKER_ID_NOT_REGISTERED");
const INVALID_REQUEST = errorCode("INVALID_REQUEST");

export const unregisterBrokerHandler = handler({
  api: unregisterBroker,

  handle(context, { brokerId }) {
    if (context.services.cluster.broker(brokerId) === null) {
      return {
        errorCode: BROKER_ID_NOT_REGISTERED,
        errorMessage: `Broker ID ${brokerId} is not currently registered`,
      };
    }
    return {
      errorCode: INVALID_REQUEST,
      errorMessage: `Broker ${brokerId} is running; stop it instead.`,
    };
  },
});
