import {
  array,
  boolean,
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

/**
 * Starts or cancels partition reassignments (KIP-455). v1 may refuse changes of the replication
 * factor.
 */
export const alterPartitionReassignments = api({
  key: 45,
  name: "AlterPartitionReassignments",
  versions: "0-1",
  flexible: "0+",
  request: {
    timeoutMs: int32({ default: 60_000 }),
    allowReplicationFactorChange: boolean({ versions: "1+", default: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        replicas: nullableArray(int32(), { default: null }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    allowReplicationFactorChange: boolean({ versions: "1+", default: true, ignorable: true }),
    errorCode: int16(),
    errorMessage: nullableString(),
    responses: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: nullableString(),
      }),
    }),
  },
});

export type AlterPartitionReassignmentsRequest = RequestOf<typeof alterPartitionReassignments>;
export type AlterPartitionReassignmentsResponse = ResponseOf<typeof alterPartitionReassignments>;
export type AlterPartitionReassignmentsRequestInput = RequestInput<
  typeof alterPartitionReassignments
>;
export type AlterPartitionReassignmentsResponseInput = ResponseInput<
  typeof alterPartitionReassignments
>;
