import { array, int16, int32, nullableString, string, uuid } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Deletes topics. v5 explains failures, v6 takes names or ids. */
export const deleteTopics = api({
  key: 20,
  name: "DeleteTopics",
  versions: "1-6",
  flexible: "4+",
  request: {
    topics: array(
      {
        name: nullableString({ default: null }),
        topicId: uuid(),
      },
      { versions: "6+" },
    ),
    topicNames: array(string(), { versions: "0-5", ignorable: true }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ ignorable: true }),
    responses: array({
      name: nullableString({ nullableVersions: "6+" }),
      topicId: uuid({ versions: "6+", ignorable: true }),
      errorCode: int16(),
      errorMessage: nullableString({ versions: "5+", default: null, ignorable: true }),
    }),
  },
});

export type DeleteTopicsRequest = RequestOf<typeof deleteTopics>;
export type DeleteTopicsResponse = ResponseOf<typeof deleteTopics>;
export type DeleteTopicsRequestInput = RequestInput<typeof deleteTopics>;
export type DeleteTopicsResponseInput = ResponseInput<typeof deleteTopics>;
