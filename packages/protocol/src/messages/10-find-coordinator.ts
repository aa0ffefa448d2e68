import { array, int8, int16, int32, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Finds the coordinator of a group (key type 0), a transactional id (1) or a share partition (2,
 * v6). v4 asks for several keys at once.
 */
export const findCoordinator = api({
  key: 10,
  name: "FindCoordinator",
  versions: "0-6",
  flexible: "3+",
  request: {
    key: string({ versions: "0-3" }),
    keyType: int8({ versions: "1+", default: 0 }),
    coordinatorKeys: array(string(), { versions: "4+" }),
  },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16({ versions: "0-3" }),
    errorMessage: nullableString({ versions: "1-3", ignorable: true }),
    nodeId: int32({ versions: "0-3" }),
    host: string({ versions: "0-3" }),
    port: int32({ versions: "0-3" }),
    coordinators: array(
      {
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: nullableString({ ignorable: true }),
      },
      { versions: "4+" },
    ),
  },
});

export type FindCoordinatorRequest = RequestOf<typeof findCoordinator>;
export type FindCoordinatorResponse = ResponseOf<typeof findCoordinator>;
export type FindCoordinatorRequestInput = RequestInput<typeof findCoordinator>;
export type FindCoordinatorResponseInput = ResponseInput<typeof findCoordinator>;
