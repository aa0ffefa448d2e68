import { boolean, bytes, int8, int16, int32, uuid } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Sends metrics (KIP-714). */
export const pushTelemetry = api({
  key: 72,
  name: "PushTelemetry",
  versions: "0",
  flexible: "0+",
  request: {
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    terminating: boolean(),
    compressionType: int8(),
    metrics: bytes(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
  },
});

export type PushTelemetryRequest = RequestOf<typeof pushTelemetry>;
export type PushTelemetryResponse = ResponseOf<typeof pushTelemetry>;
export type PushTelemetryRequestInput = RequestInput<typeof pushTelemetry>;
export type PushTelemetryResponseInput = ResponseInput<typeof pushTelemetry>;
