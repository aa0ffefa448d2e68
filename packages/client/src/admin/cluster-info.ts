import {
  describeCluster as describeClusterApi,
  describeLogDirs as describeLogDirsApi,
  metadata as metadataApi,
} from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import type { BrokerAddress } from "../transport/brokers.ts";
import { byTopic, type TopicPartition } from "./per-leader.ts";
import type { ItemResult } from "./results.ts";
import { errorOf } from "./topics.ts";

export interface ClusterDescription {
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly brokers: readonly BrokerAddress[];
}

export async function describeCluster(
  cluster: Cluster,
  options: CallOptions,
): Promise<ClusterDescription> {
  const { versions } = await cluster.brokers.any(options.signal);
  if (versions.find(describeClusterApi) >= 0) {
    const { clusterId, controllerId, brokers } = await cluster.callAny(
      describeClusterApi,
      { includeClusterAuthorizedOperations: false },
      ({ errorCode, errorMessage }) => throwIfError(errorCode, "DescribeCluster", errorMessage),
      options,
    );
    const addresses = brokers.map(({ brokerId, host, port, rack }) => ({
      nodeId: brokerId,
      host,
      port,
      rack,
    }));
    return { clusterId, controllerId, brokers: addresses };
  }
  const { clusterId, controllerId, brokers } = await cluster.callAny(
    metadataApi,
    { topics: [] },
    ({ errorCode }) => throwIfError(errorCode, "Metadata"),
    options,
  );
  return { clusterId, controllerId, brokers };
}

export interface LogDir extends ItemResult {
  readonly brokerId: number;
  readonly path: string;
  /** Of the volume; −1 where the broker does not say. */
  readonly totalBytes: number;
  readonly usableBytes: number;
  readonly partitions: readonly LogDirPartition[];
}

export interface LogDirPartition extends TopicPartition {
  readonly sizeBytes: number;
  readonly offsetLag: number;
  readonly isFuture: boolean;
}

export interface DescribeLogDirsOptions extends CallOptions {
  /** Only these partitions. */
  readonly partitions?: readonly TopicPartition[];
}

/** Where each of `brokerIds`, or each broker, keeps its partitions and how large they are. */
export async function describeLogDirs(
  cluster: Cluster,
  brokerIds: readonly number[] | null,
  options: DescribeLogDirsOptions,
): Promise<readonly LogDir[]> {
  await cluster.retry("Metadata", options, () => cluster.metadata.refresh([], options.signal));
  const ids = brokerIds ?? cluster.brokers.known.map(({ nodeId }) => nodeId);
  const topics =
    options.partitions === undefined
      ? null
      : [...byTopic(options.partitions)].map(([topic, items]) => ({
          topic,
          partitions: items.map(({ partition }) => partition),
        }));
  const answers = await Promise.all(
    ids.map(async (brokerId) => {
      const response = await cluster.callBroker(
        brokerId,
        describeLogDirsApi,
        { topics },
        ({ errorCode }) => throwIfError(errorCode, `log dirs of broker ${brokerId}`),
        options,
      );
      return response.results.map((dir) => ({
        brokerId,
        path: dir.logDir,
        totalBytes: dir.totalBytes,
        usableBytes: dir.usableBytes,
        partitions: dir.topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex, partitionSize, offsetLag, isFutureKey }) => ({
            topic: name,
            partition: partitionIndex,
            sizeBytes: partitionSize,
            offsetLag,
            isFuture: isFutureKey,
          })),
        ),
        error: errorOf(dir.errorCode, `log dir ${dir.logDir} of broker ${brokerId}`),
      }));
    }),
  );
  return answers.flat();
}
