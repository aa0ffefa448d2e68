import {
  array,
  boolean,
  float64,
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

/** Describes client quotas (KIP-546). */
export const describeClientQuotas = api({
  key: 48,
  name: "DescribeClientQuotas",
  versions: "0-1",
  flexible: "1+",
  request: {
    components: array({
      entityType: string(),
      matchType: int8(),
      match: nullableString(),
    }),
    strict: boolean(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString(),
    entries: nullableArray({
      entity: array({
        entityType: string(),
        entityName: nullableString(),
      }),
      values: array({
        key: string(),
        value: float64(),
      }),
    }),
  },
});

export type DescribeClientQuotasRequest = RequestOf<typeof describeClientQuotas>;
export type DescribeClientQuotasResponse = ResponseOf<typeof describeClientQuotas>;
export type DescribeClientQuotasRequestInput = RequestInput<typeof describeClientQuotas>;
export type DescribeClientQuotasResponseInput = ResponseInput<typeof describeClientQuotas>;
