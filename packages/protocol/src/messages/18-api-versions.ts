import { array, boolean, int16, int32, int64, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Tells which versions of which APIs a broker serves, and its features. The response header stays
 * at v0 for ever, and a version that the broker lacks is answered in v0 (KIP-511). v3 names the
 * client's software, v4 lets a feature's minimum be 0.
 */
export const apiVersions = api({
  key: 18,
  name: "ApiVersions",
  versions: "0-4",
  flexible: "3+",
  flexibleResponseHeader: false,
  request: {
    clientSoftwareName: string({ versions: "3+", ignorable: true }),
    clientSoftwareVersion: string({ versions: "3+", ignorable: true }),
  },
  response: {
    errorCode: int16(),
    apiKeys: array({
      apiKey: int16(),
      minVersion: int16(),
      maxVersion: int16(),
    }),
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    supportedFeatures: array(
      {
        name: string(),
        minVersion: int16(),
        maxVersion: int16(),
      },
      { versions: "3+", tag: 0, ignorable: true },
    ),
    finalizedFeaturesEpoch: int64({ versions: "3+", tag: 1, default: -1, ignorable: true }),
    finalizedFeatures: array(
      {
        name: string(),
        maxVersionLevel: int16(),
        minVersionLevel: int16(),
      },
      { versions: "3+", tag: 2, ignorable: true },
    ),
    zkMigrationReady: boolean({ versions: "3+", tag: 3, default: false, ignorable: true }),
  },
});

export type ApiVersionsRequest = RequestOf<typeof apiVersions>;
export type ApiVersionsResponse = ResponseOf<typeof apiVersions>;
export type ApiVersionsRequestInput = RequestInput<typeof apiVersions>;
export type ApiVersionsResponseInput = ResponseInput<typeof apiVersions>;
