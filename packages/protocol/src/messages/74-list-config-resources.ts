import { array, int8, int16, int32, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Lists configuration resources; v0 only those of client metrics (KIP-1142). */
export const listConfigResources = api({
  key: 74,
  name: "ListConfigResources",
  versions: "0-1",
  flexible: "0+",
  request: {
    resourceTypes: array(int8(), { versions: "1+" }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    configResources: array({
      resourceName: string(),
      resourceType: int8({ versions: "1+", default: 16, ignorable: true }),
    }),
  },
});

export type ListConfigResourcesRequest = RequestOf<typeof listConfigResources>;
export type ListConfigResourcesResponse = ResponseOf<typeof listConfigResources>;
export type ListConfigResourcesRequestInput = RequestInput<typeof listConfigResources>;
export type ListConfigResourcesResponseInput = ResponseInput<typeof listConfigResources>;
