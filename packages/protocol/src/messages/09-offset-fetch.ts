import {
  array,
  boolean,
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

/**
 * Reads committed offsets; null topics mean all. v7 can insist on stable ones (KIP-447), v8 asks
 * for several groups at once, v9 knows member epochs (KIP-848), v10 topic ids.
 */
export const offsetFetch = api({
  key: 9,
  name: "OffsetFetch",
  versions: "1-10",
  flexible: "6+",
  request: {
    groupId: string({ versions: "0-7" }),
    topics: nullableArray(
      {
        name: string(),
        partitionIndexes: array(int32()),
      },
      { versions: "0-7", nullableVersions: "2-7" },
    ),
    groups: array(
      {
        groupId: string(),
        memberId: nullableString({ versions: "9+", default: null, ignorable: true }),
        memberEpoch: int32({ versions: "9+", default: -1, ignorable: true }),
        topics: nullableArray({
          name: string({ versions: "8-9", ignorable: true }),
          topicId: uuid({ versions: "10+", ignorable: true }),
          partitionIndexes: array(int32()),
        }),
      },
      { versions: "8+" },
    ),
    requireStable: boolean({ versions: "7+", default: false }),
  },
  response: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    topics: array(
      {
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ versions: "5-7", default: -1, ignorable: true }),
          metadata: nullableString(),
          errorCode: int16(),
        }),
      },
      { versions: "0-7" },
    ),
    errorCode: int16({ versions: "2-7", default: 0, ignorable: true }),
    groups: array(
      {
        groupId: string(),
        topics: array({
          name: string({ versions: "8-9", ignorable: true }),
          topicId: uuid({ versions: "10+", ignorable: true }),
          partitions: array({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ default: -1, ignorable: true }),
            metadata: nullableString(),
            errorCode: int16(),
          }),
        }),
        errorCode: int16({ default: 0 }),
      },
      { versions: "8+" },
    ),
  },
});

export type OffsetFetchRequest = RequestOf<typeof offsetFetch>;
export type OffsetFetchResponse = ResponseOf<typeof offsetFetch>;
export type OffsetFetchRequestInput = RequestInput<typeof offsetFetch>;
export type OffsetFetchResponseInput = ResponseInput<typeof offsetFetch>;
