import {
  array,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  string,
  uuid,
} from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Describes the start offsets of share groups (KIP-932). v1 adds the lag. */
export const describeShareGroupOffsets = api({
  key: 90,
  name: "DescribeShareGroupOffsets",
  versions: "0-1",
  flexible: "0+",
  request: {
    groups: array({
      groupId: string(),
      topics: nullableArray({
        topicName: string(),
        partitions: array(int32()),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    groups: array({
      groupId: string(),
      topics: array({
        topicName: string(),
        topicId: uuid(),
        partitions: array({
          partitionIndex: int32(),
          startOffset: int64(),
          leaderEpoch: int32(),
          lag: int64({ versions: "1+", default: -1, ignorable: true }),
          errorCode: int16(),
          errorMessage: nullableString({ default: null }),
        }),
      }),
      errorCode: int16(),
      errorMessage: nullableString({ default: null }),
    }),
  },
});

export type DescribeShareGroupOffsetsRequest = RequestOf<typeof describeShareGroupOffsets>;
export type DescribeShareGroupOffsetsResponse = ResponseOf<typeof describeShareGroupOffsets>;
export type DescribeShareGroupOffsetsRequestInput = RequestInput<typeof describeShareGroupOffsets>;
export type DescribeShareGroupOffsetsResponseInput = ResponseInput<
  typeof describeShareGroupOffsets
>;
