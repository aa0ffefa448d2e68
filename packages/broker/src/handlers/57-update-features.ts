/** Changes finalized levels of features, all of a request or none (KIP-584). v1: upgrade types and validation only; v2: no results by feature. */
import { errorCode, type UpdateFeaturesRequest, updateFeatures } from "@ottla/protocol";
import { metadataError, RequestError } from "../error-codes.ts";
import { FEATURES, finalizedLevel, METADATA_VERSION } from "../features.ts";
import { handler, type RequestContext } from "../handler.ts";

type FeatureUpdate = UpdateFeaturesRequest["featureUpdates"][number];

const UPGRADE = 1;
const SAFE_DOWNGRADE = 2;
const UNSAFE_DOWNGRADE = 3;

export const updateFeaturesHandler = handler({
  api: updateFeatures,

  async handle(context, { featureUpdates, validateOnly }) {
    try {
      for (const update of featureUpdates) check(context, update);
      if (!validateOnly) {
        await context.services.store.finalizeFeatures(
          new Map(featureUpdates.map(({ feature, maxVersionLevel }) => [feature, maxVersionLevel])),
        );
      }
    } catch (cause) {
      const { error, message } = metadataError(cause);
      return {
        errorCode: errorCode(error),
        errorMessage: `The update failed for all features since the following feature had an error: ${message}`,
        results: [],
      };
    }
    const results = featureUpdates.map(({ feature }) => ({
      feature,
      errorCode: 0,
      errorMessage: "NONE",
    }));
    return { errorCode: 0, errorMessage: null, results: context.version < 2 ? results : [] };
  },
});

/** @throws {RequestError} in Kafka's order of checks. */
function check({ services, version }: RequestContext, update: FeatureUpdate): void {
  const { feature: name, maxVersionLevel: level } = update;
  const refuse = (why: string) =>
    new RequestError(
      "INVALID_UPDATE_VERSION",
      `Invalid update version ${level} for feature ${name}. ${why}`,
    );
  const type = version === 0 ? UPGRADE : update.upgradeType;
  if (type !== UPGRADE && type !== SAFE_DOWNGRADE && type !== UNSAFE_DOWNGRADE) {
    throw refuse("The controller does not support the given upgrade type.");
  }
  if (level < 0) throw refuse("A feature version cannot be less than 0.");
  const controller = services.cluster.controller.id;
  const feature = FEATURES.find((one) => one.name === name);
  if (feature === undefined) {
    throw refuse(`Local controller ${controller} does not support this feature.`);
  }
  if (level < feature.min || level > feature.max) {
    const range = `${feature.min}-${feature.max}`;
    throw refuse(`Local controller ${controller} only supports versions ${range}`);
  }
  const current = finalizedLevel(services.store.image, feature);
  if (level >= current) return;
  if (type === UPGRADE) {
    throw refuse(
      "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
    );
  }
  if (name === METADATA_VERSION) {
    throw new RequestError(
      "INVALID_UPDATE_VERSION",
      `Unsupported ${name} downgrade from ${current} to ${level}.`,
    );
  }
}
