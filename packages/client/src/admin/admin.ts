import type { CallOptions, Cluster } from "../cluster.ts";
import * as acls from "./acls.ts";
import * as clusterInfo from "./cluster-info.ts";
import * as configs from "./configs.ts";
import * as features from "./features.ts";
import * as groups from "./groups.ts";
import * as offsets from "./offsets.ts";
import type { TopicPartition } from "./per-leader.ts";
import * as quotas from "./quotas.ts";
import * as replicas from "./replicas.ts";
import * as scramUsers from "./scram-users.ts";
import * as shareOffsets from "./share-offsets.ts";
import * as topics from "./topics.ts";
import * as transactions from "./transactions.ts";

/**
 * Everything about a cluster that is not reading or writing records. Calls find the broker that can answer and repeat what fails for a
 * passing reason; those about many items resolve with one result per item, whose `error` is null or says why that item failed
 * (`orThrow` turns such results into an exception).
 */
export class Admin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  createTopics(newTopics: readonly topics.NewTopic[], options: topics.ChangeOptions = {}) {
    return topics.createTopics(this.#cluster, newTopics, options);
  }

  deleteTopics(names: readonly string[], options: CallOptions = {}) {
    return topics.deleteTopics(this.#cluster, names, options);
  }

  createPartitions(
    newPartitions: readonly topics.NewPartitions[],
    options: topics.ChangeOptions = {},
  ) {
    return topics.createPartitions(this.#cluster, newPartitions, options);
  }

  listTopics(options: CallOptions = {}) {
    return topics.listTopics(this.#cluster, options);
  }

  describeTopics(names: readonly string[], options: CallOptions = {}) {
    return topics.describeTopics(this.#cluster, names, options);
  }

  /** Drops the records below the given offsets for good. */
  deleteRecords(partitions: readonly topics.RecordsToDelete[], options: CallOptions = {}) {
    return topics.deleteRecords(this.#cluster, partitions, options);
  }

  describeCluster(options: CallOptions = {}) {
    return clusterInfo.describeCluster(this.#cluster, options);
  }

  describeLogDirs(
    brokerIds: readonly number[] | null = null,
    options: clusterInfo.DescribeLogDirsOptions = {},
  ) {
    return clusterInfo.describeLogDirs(this.#cluster, brokerIds, options);
  }

  describeConfigs(
    resources: readonly configs.ConfigResource[],
    options: configs.DescribeConfigsOptions = {},
  ) {
    return configs.describeConfigs(this.#cluster, resources, options);
  }

  /** Changes the named keys and leaves all others alone. */
  incrementalAlterConfigs(
    resources: readonly configs.ResourceChanges[],
    options: topics.ChangeOptions = {},
  ) {
    return configs.incrementalAlterConfigs(this.#cluster, resources, options);
  }

  /** Replaces all configuration of the resources: keys not named go back to their defaults. */
  alterConfigs(resources: readonly configs.FullConfigs[], options: topics.ChangeOptions = {}) {
    return configs.alterConfigs(this.#cluster, resources, options);
  }

  listOffsets(queries: readonly offsets.OffsetQuery[], options: offsets.ListOffsetsOptions = {}) {
    return offsets.listOffsets(this.#cluster, queries, options);
  }

  listGroups(options: groups.ListGroupsOptions = {}) {
    return groups.listGroups(this.#cluster, options);
  }

  describeGroups(groupIds: readonly string[], options: CallOptions = {}) {
    return groups.describeGroups(this.#cluster, groupIds, options);
  }

  deleteGroups(groupIds: readonly string[], options: CallOptions = {}) {
    return groups.deleteGroups(this.#cluster, groupIds, options);
  }

  /** Committed offsets of a group: of `partitions`, where −1 means none, or of all it committed. */
  fetchGroupOffsets(
    groupId: string,
    partitions: readonly TopicPartition[] | null = null,
    options: offsets.FetchOffsetsOptions = {},
  ) {
    return offsets.fetchGroupOffsets(this.#cluster, groupId, partitions, options);
  }

  /** Sets offsets of a group that has no members. */
  alterGroupOffsets(
    groupId: string,
    newOffsets: readonly offsets.OffsetToCommit[],
    options: CallOptions = {},
  ) {
    return offsets.alterGroupOffsets(this.#cluster, groupId, newOffsets, options);
  }

  /** Removes committed offsets of topics that no member of the group subscribes to. */
  deleteGroupOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
    options: CallOptions = {},
  ) {
    return offsets.deleteGroupOffsets(this.#cluster, groupId, partitions, options);
  }

  /** The producers that the leaders of `partitions` remember, with their open transactions. */
  describeProducers(partitions: readonly TopicPartition[], options: CallOptions = {}) {
    return transactions.describeProducers(this.#cluster, partitions, options);
  }

  listTransactions(options: transactions.ListTransactionsOptions = {}) {
    return transactions.listTransactions(this.#cluster, options);
  }

  describeTransactions(transactionalIds: readonly string[], options: CallOptions = {}) {
    return transactions.describeTransactions(this.#cluster, transactionalIds, options);
  }

  /** Aborts a transaction in one partition without its coordinator, which holds the last stable offset back and knows nothing of it. */
  abortTransaction(transaction: transactions.HangingTransaction, options: CallOptions = {}) {
    return transactions.abortTransaction(this.#cluster, transaction, options);
  }

  /** What has configuration of its own. */
  listConfigResources(
    types: readonly configs.ConfigResourceType[] = [],
    options: CallOptions = {},
  ) {
    return configs.listConfigResources(this.#cluster, types, options);
  }

  describeAcls(filter: acls.AclFilter = {}, options: CallOptions = {}) {
    return acls.describeAcls(this.#cluster, filter, options);
  }

  createAcls(newAcls: readonly acls.Acl[], options: CallOptions = {}) {
    return acls.createAcls(this.#cluster, newAcls, options);
  }

  deleteAcls(filters: readonly acls.AclFilter[], options: CallOptions = {}) {
    return acls.deleteAcls(this.#cluster, filters, options);
  }

  describeClientQuotas(
    filter: quotas.QuotaFilter = {},
    options: quotas.DescribeQuotasOptions = {},
  ) {
    return quotas.describeClientQuotas(this.#cluster, filter, options);
  }

  alterClientQuotas(changes: readonly quotas.QuotaChange[], options: topics.ChangeOptions = {}) {
    return quotas.alterClientQuotas(this.#cluster, changes, options);
  }

  describeScramUsers(users: readonly string[] | null = null, options: CallOptions = {}) {
    return scramUsers.describeScramUsers(this.#cluster, users, options);
  }

  alterScramUsers(changes: readonly scramUsers.ScramChange[], options: CallOptions = {}) {
    return scramUsers.alterScramUsers(this.#cluster, changes, options);
  }

  electLeaders(
    election: replicas.Election,
    partitions: readonly TopicPartition[] | null = null,
    options: CallOptions = {},
  ) {
    return replicas.electLeaders(this.#cluster, election, partitions, options);
  }

  alterPartitionReassignments(
    reassignments: readonly replicas.Reassignment[],
    options: CallOptions = {},
  ) {
    return replicas.alterPartitionReassignments(this.#cluster, reassignments, options);
  }

  listPartitionReassignments(
    partitions: readonly TopicPartition[] | null = null,
    options: CallOptions = {},
  ) {
    return replicas.listPartitionReassignments(this.#cluster, partitions, options);
  }

  alterReplicaLogDirs(moves: readonly replicas.ReplicaMove[], options: CallOptions = {}) {
    return replicas.alterReplicaLogDirs(this.#cluster, moves, options);
  }

  describeFeatures(options: CallOptions = {}) {
    return features.describeFeatures(this.#cluster, options);
  }

  updateFeatures(updates: readonly features.FeatureUpdate[], options: topics.ChangeOptions = {}) {
    return features.updateFeatures(this.#cluster, updates, options);
  }

  describeMetadataQuorum(options: CallOptions = {}) {
    return features.describeMetadataQuorum(this.#cluster, options);
  }

  unregisterBroker(brokerId: number, options: CallOptions = {}) {
    return features.unregisterBroker(this.#cluster, brokerId, options);
  }

  describeShareGroupOffsets(
    groupId: string,
    partitions: readonly TopicPartition[] | null = null,
    options: CallOptions = {},
  ) {
    return shareOffsets.describeShareGroupOffsets(this.#cluster, groupId, partitions, options);
  }

  /** Sets where a share group without members goes on. */
  alterShareGroupOffsets(
    groupId: string,
    starts: readonly shareOffsets.ShareGroupStart[],
    options: CallOptions = {},
  ) {
    return shareOffsets.alterShareGroupOffsets(this.#cluster, groupId, starts, options);
  }

  deleteShareGroupOffsets(
    groupId: string,
    topicNames: readonly string[],
    options: CallOptions = {},
  ) {
    return shareOffsets.deleteShareGroupOffsets(this.#cluster, groupId, topicNames, options);
  }
}
