import { array, boolean, int8, int16, int32, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Changes the finalized levels of features (KIP-584). */
export const updateFeatures = api({
  key: 57,
  name: "UpdateFeatures",
  versions: "0-2",
  flexible: "0+",
  request: {
    timeoutMs: int32({ default: 60_000 }),
    featureUpdates: array({
      feature: string(),
      maxVersionLevel: int16(),
      allowDowngrade: boolean({ versions: "0" }),
      upgradeType: int8({ versions: "1+", default: 1 }),
    }),
    validateOnly: boolean({ versions: "1+", default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString(),
    results: array(
      {
        feature: string(),
        errorCode: int16(),
        errorMessage: nullableString(),
      },
      { versions: "0-1", ignorable: true },
    ),
  },
});

export type UpdateFeaturesRequest = RequestOf<typeof updateFeatures>;
export type UpdateFeaturesResponse = ResponseOf<typeof updateFeatures>;
export type UpdateFeaturesRequestInput = RequestInput<typeof updateFeatures>;
export type UpdateFeaturesResponseInput = ResponseInput<typeof updateFeatures>;
