/** Tells what this broker serves, derived from the handler list. v3: features and the client's software (KIP-511); v4: feature minimum 0. */
import { apiVersions, encodeResponse, errorCode } from "@ottla/protocol";
import { FEATURES, finalizedLevel } from "../features.ts";
import { handler } from "../handler.ts";

const UNSUPPORTED_VERSION = errorCode("UNSUPPORTED_VERSION");
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

export const apiVersionsHandler = handler({
  api: apiVersions,

  handle(context, { clientSoftwareName: name, clientSoftwareVersion: version }) {
    if (context.version >= 3) {
      if (!SOFTWARE.test(name) || !SOFTWARE.test(version)) {
        return { errorCode: INVALID_REQUEST, apiKeys: [] };
      }
      context.connection.clientSoftware = { name, version };
    }
    const { image } = context.services.store;
    const levels = FEATURES.map((feature) => ({
      name: feature.name,
      level: finalizedLevel(image, feature),
    }));
    return {
      errorCode: 0,
      apiKeys: context.services.handlers.map(({ api, advertised }) => ({
        apiKey: api.key,
        minVersion: advertised?.min ?? api.versions.min,
        maxVersion: advertised?.max ?? api.versions.max,
      })),
      // Readers of v0 to v3 do not understand a minimum of 0 (gotcha 3).
      supportedFeatures: FEATURES.filter(({ min }) => context.version >= 4 || min > 0).map(
        ({ name, min, max }) => ({ name, minVersion: min, maxVersion: max }),
      ),
      finalizedFeaturesEpoch: image.featuresEpoch,
      finalizedFeatures: levels
        .filter(({ level }) => level > 0)
        .map((finalized) => ({
          name: finalized.name,
          maxVersionLevel: finalized.level,
          minVersionLevel: finalized.level,
        })),
    };
  },
});

/** The answer to a version that this broker does not know: in v0, with nothing but the range of this API (gotcha 1). */
export function unsupportedApiVersions(correlationId: number): Buffer[] {
  const { min, max } = apiVersions.versions;
  return encodeResponse(apiVersions, 0, correlationId, {
    errorCode: UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: apiVersions.key, minVersion: min, maxVersion: max }],
  });
}
