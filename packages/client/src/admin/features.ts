/** Feature levels of the cluster (KIP-584), its quorum (KIP-595) and brokers that are gone for good. */
import {
  apiVersions,
  describeQuorum as describeQuorumApi,
  unregisterBroker as unregisterBrokerApi,
  updateFeatures as updateFeaturesApi,
} from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import type { ItemResult } from "./results.ts";
import { type ChangeOptions, errorOf } from "./topics.ts";

export interface Feature {
  readonly name: string;
  /** The level in force; 0 when the feature is off. */
  readonly level: number;
  /** What the broker that answered could do. */
  readonly minLevel: number;
  readonly maxLevel: number;
}

const UPGRADE_TYPES = { upgrade: 1, "safe-downgrade": 2, "unsafe-downgrade": 3 } as const;

export interface FeatureUpdate {
  readonly name: string;
  /** 0 turns it off. */
  readonly level: number;
  /** Default: `upgrade`. */
  readonly type?: keyof typeof UPGRADE_TYPES;
}

export interface UpdatedFeature extends ItemResult {
  readonly name: string;
}

/** Features by name. */
export async function describeFeatures(
  cluster: Cluster,
  options: CallOptions,
): Promise<readonly Feature[]> {
  const { supportedFeatures, finalizedFeatures } = await cluster.callAny(
    apiVersions,
    { clientSoftwareName: "ottla", clientSoftwareVersion: "0" },
    ({ errorCode }) => throwIfError(errorCode, "ApiVersions"),
    options,
  );
  const levels = new Map(
    finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
  );
  return supportedFeatures
    .map(({ name, minVersion, maxVersion }) => ({
      name,
      level: levels.get(name) ?? 0,
      minLevel: minVersion,
      maxLevel: maxVersion,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** All or nothing since version 2 of the request; `error` is then the same for all. */
export async function updateFeatures(
  cluster: Cluster,
  updates: readonly FeatureUpdate[],
  options: ChangeOptions,
): Promise<readonly UpdatedFeature[]> {
  const { errorCode, errorMessage, results } = await cluster.callController(
    updateFeaturesApi,
    {
      timeoutMs: options.timeoutMs ?? cluster.options.requestTimeoutMs,
      featureUpdates: updates.map(({ name, level, type }) => ({
        feature: name,
        maxVersionLevel: level,
        upgradeType: UPGRADE_TYPES[type ?? "upgrade"],
      })),
      ...(options.validateOnly === true ? { validateOnly: true } : {}),
    },
    (answer) => {
      const error = errorOf(answer.errorCode, "UpdateFeatures", answer.errorMessage);
      if (error?.retriable === true) throw error;
    },
    { ...options },
  );
  return updates.map(({ name }) => {
    const own = results.find(({ feature }) => feature === name);
    return {
      name,
      error:
        errorOf(errorCode, `feature ${name}`, errorMessage) ??
        errorOf(own?.errorCode ?? 0, `feature ${name}`, own?.errorMessage),
    };
  });
}

export interface QuorumDescription {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly highWatermark: number;
  readonly voters: readonly QuorumReplica[];
  readonly observers: readonly QuorumReplica[];
}

export interface QuorumReplica {
  readonly replicaId: number;
  readonly logEndOffset: number;
}

/** The metadata quorum of a KRaft cluster. */
export async function describeMetadataQuorum(
  cluster: Cluster,
  options: CallOptions,
): Promise<QuorumDescription> {
  const { topics } = await cluster.callAny(
    describeQuorumApi,
    { topics: [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }] },
    (answer) => {
      throwIfError(answer.errorCode, "DescribeQuorum", answer.errorMessage);
      const partition = answer.topics[0]?.partitions[0];
      throwIfError(partition?.errorCode ?? -1, "DescribeQuorum", partition?.errorMessage);
    },
    options,
  );
  const { leaderId, leaderEpoch, highWatermark, currentVoters, observers } =
    topics[0]!.partitions[0]!;
  const replicas = (list: typeof currentVoters) =>
    list.map(({ replicaId, logEndOffset }) => ({ replicaId, logEndOffset }));
  return {
    leaderId,
    leaderEpoch,
    highWatermark,
    voters: replicas(currentVoters),
    observers: replicas(observers),
  };
}

/** Forgets a broker that is gone for good. @throws {BrokerError} */
export async function unregisterBroker(
  cluster: Cluster,
  brokerId: number,
  options: CallOptions,
): Promise<void> {
  await cluster.callController(
    unregisterBrokerApi,
    { brokerId },
    ({ errorCode, errorMessage }) => throwIfError(errorCode, `broker ${brokerId}`, errorMessage),
    options,
  );
}
