import { int16, int32, nullableString } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Removes a broker's registration. */
export const unregisterBroker = api({
  key: 64,
  name: "UnregisterBroker",
  versions: "0",
  flexible: "0+",
  request: {
    brokerId: int32(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString(),
  },
});

export type UnregisterBrokerRequest = RequestOf<typeof unregisterBroker>;
export type UnregisterBrokerResponse = ResponseOf<typeof unregisterBroker>;
export type UnregisterBrokerRequestInput = RequestInput<typeof unregisterBroker>;
export type UnregisterBrokerResponseInput = ResponseInput<typeof unregisterBroker>;
