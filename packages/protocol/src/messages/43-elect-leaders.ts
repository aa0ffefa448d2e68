import {
  array,
  int8,
  int16,
  int32,
  nullableArray,
  nullableString,
  string,
} from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Elects leaders. v1 also unclean ones (KIP-460). */
export const electLeaders = api({
  key: 43,
  name: "ElectLeaders",
  versions: "0-2",
  flexible: "2+",
  request: {
    electionType: int8({ versions: "1+" }),
    topicPartitions: nullableArray({
      topic: string(),
      partitions: array(int32()),
    }),
    timeoutMs: int32({ default: 60_000 }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "1+" }),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({
        partitionId: int32(),
        errorCode: int16(),
        errorMessage: nullableString(),
      }),
    }),
  },
});

export type ElectLeadersRequest = RequestOf<typeof electLeaders>;
export type ElectLeadersResponse = ResponseOf<typeof electLeaders>;
export type ElectLeadersRequestInput = RequestInput<typeof electLeaders>;
export type ElectLeadersResponseInput = ResponseInput<typeof electLeaders>;
