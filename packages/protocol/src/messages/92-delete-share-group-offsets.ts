import { array, int16, int32, nullableString, string, uuid } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Deletes the start offsets of a share group (KIP-932). */
export const deleteShareGroupOffsets = api({
  key: 92,
  name: "DeleteShareGroupOffsets",
  versions: "0",
  flexible: "0+",
  request: {
    groupId: string(),
    topics: array({
      topicName: string(),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString({ default: null }),
    responses: array({
      topicName: string(),
      topicId: uuid(),
      errorCode: int16(),
      errorMessage: nullableString({ default: null }),
    }),
  },
});

export type DeleteShareGroupOffsetsRequest = RequestOf<typeof deleteShareGroupOffsets>;
export type DeleteShareGroupOffsetsResponse = ResponseOf<typeof deleteShareGroupOffsets>;
export type DeleteShareGroupOffsetsRequestInput = RequestInput<typeof deleteShareGroupOffsets>;
export type DeleteShareGroupOffsetsResponseInput = ResponseInput<typeof deleteShareGroupOffsets>;
