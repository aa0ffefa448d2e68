import { array, boolean, int8, int16, int32, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Describes the cluster and its brokers (KIP-700). v1 asks for brokers or controllers, v2 for
 * fenced brokers too.
 */
export const describeCluster = api({
  key: 60,
  name: "DescribeCluster",
  versions: "0-2",
  flexible: "0+",
  request: {
    includeClusterAuthorizedOperations: boolean(),
    endpointType: int8({ versions: "1+", default: 1 }),
    includeFencedBrokers: boolean({ versions: "2+" }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString({ default: null }),
    endpointType: int8({ versions: "1+", default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: nullableString({ default: null }),
      isFenced: boolean({ versions: "2+" }),
    }),
    clusterAuthorizedOperations: int32({ default: -0x8000_0000 }),
  },
});

export type DescribeClusterRequest = RequestOf<typeof describeCluster>;
export type DescribeClusterResponse = ResponseOf<typeof describeCluster>;
export type DescribeClusterRequestInput = RequestInput<typeof describeCluster>;
export type DescribeClusterResponseInput = ResponseInput<typeof describeCluster>;
