import {
  array,
  boolean,
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

/**
 * Describes the configuration of topics, brokers, groups and client metrics. v1 sources and
 * synonyms (KIP-226), v3 types and documentation.
 */
export const describeConfigs = api({
  key: 32,
  name: "DescribeConfigs",
  versions: "1-4",
  flexible: "4+",
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: nullableArray(string()),
    }),
    includeSynonyms: boolean({ default: false }),
    includeDocumentation: boolean({ versions: "3+", default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    results: array({
      errorCode: int16(),
      errorMessage: nullableString(),
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: nullableString(),
        readOnly: boolean(),
        configSource: int8({ default: -1, ignorable: true }),
        isSensitive: boolean(),
        synonyms: array(
          {
            name: string(),
            value: nullableString(),
            source: int8(),
          },
          { ignorable: true },
        ),
        configType: int8({ versions: "3+", default: 0, ignorable: true }),
        documentation: nullableString({ versions: "3+", ignorable: true }),
      }),
    }),
  },
});

export type DescribeConfigsRequest = RequestOf<typeof describeConfigs>;
export type DescribeConfigsResponse = ResponseOf<typeof describeConfigs>;
export type DescribeConfigsRequestInput = RequestInput<typeof describeConfigs>;
export type DescribeConfigsResponseInput = ResponseInput<typeof describeConfigs>;
