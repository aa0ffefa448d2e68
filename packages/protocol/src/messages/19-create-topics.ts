import {
  array,
  boolean,
  int8,
  int16,
  int32,
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
 * Creates topics. v4 takes -1 for the broker's defaults, v5 returns the configuration, v7 the
 * topic id.
 */
export const createTopics = api({
  key: 19,
  name: "CreateTopics",
  versions: "2-7",
  flexible: "5+",
  request: {
    topics: array({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: array({
        partitionIndex: int32(),
        brokerIds: array(int32()),
      }),
      configs: array({
        name: string(),
        value: nullableString(),
      }),
    }),
    timeoutMs: int32({ default: 60_000 }),
    validateOnly: boolean({ default: false }),
  },
  response: {
    throttleTimeMs: int32({ ignorable: true }),
    topics: array({
      name: string(),
      topicId: uuid({ versions: "7+", ignorable: true }),
      errorCode: int16(),
      errorMessage: nullableString({ ignorable: true }),
      topicConfigErrorCode: int16({ versions: "5+", tag: 0, ignorable: true }),
      numPartitions: int32({ versions: "5+", default: -1, ignorable: true }),
      replicationFactor: int16({ versions: "5+", default: -1, ignorable: true }),
      configs: nullableArray(
        {
          name: string(),
          value: nullableString(),
          readOnly: boolean(),
          configSource: int8({ default: -1, ignorable: true }),
          isSensitive: boolean(),
        },
        { versions: "5+", ignorable: true },
      ),
    }),
  },
});

export type CreateTopicsRequest = RequestOf<typeof createTopics>;
export type CreateTopicsResponse = ResponseOf<typeof createTopics>;
export type CreateTopicsRequestInput = RequestInput<typeof createTopics>;
export type CreateTopicsResponseInput = ResponseInput<typeof createTopics>;
