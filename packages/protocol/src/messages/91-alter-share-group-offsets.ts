import { array, int16, int32, int64, nullableString, string, uuid } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Sets the start offsets of a share group (KIP-932). */
export const alterShareGroupOffsets = api({
  key: 91,
  name: "AlterShareGroupOffsets",
  versions: "0",
  flexible: "0+",
  request: {
    groupId: string(),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        startOffset: int64(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString({ default: null }),
    responses: array({
      topicName: string(),
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: nullableString({ default: null }),
      }),
    }),
  },
});

export type AlterShareGroupOffsetsRequest = RequestOf<typeof alterShareGroupOffsets>;
export type AlterShareGroupOffsetsResponse = ResponseOf<typeof alterShareGroupOffsets>;
export type AlterShareGroupOffsetsRequestInput = RequestInput<typeof alterShareGroupOffsets>;
export type AlterShareGroupOffsetsResponseInput = ResponseInput<typeof alterShareGroupOffsets>;
