/** The coordinators of a broker and what they stand on: put together the same way for every broker, in tests too. */
import {
  DEFAULT_GROUP_COORDINATOR_CONFIG,
  DEFAULT_TRANSACTION_COORDINATOR_CONFIG,
  GroupCoordinator,
  type GroupCoordinatorConfig,
  type GroupCoordinatorProbe,
  TransactionCoordinator,
  type TransactionCoordinatorConfig,
  type TransactionCoordinatorProbe,
} from "@ottla/coordinator";
import type { LogEngine } from "@ottla/log";
import type { BrokerConfig, MetadataStore } from "@ottla/metadata";
import type { Clock, Random } from "@ottla/platform";
import { EngineCoordinatorLog } from "./engine-coordinator-log.ts";
import { EngineTransactionMarkers } from "./engine-transaction-markers.ts";
import { ProducerIds } from "./producer-ids.ts";
import {
  CONSUMER_OFFSETS_TOPIC,
  type TopicService,
  TRANSACTION_STATE_TOPIC,
} from "./topic-service.ts";

export interface CoordinationOptions {
  readonly engine: LogEngine;
  readonly store: MetadataStore;
  readonly topics: TopicService;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: BrokerConfig;
  readonly groupProbe?: GroupCoordinatorProbe;
  readonly transactionProbe?: TransactionCoordinatorProbe;
}

export class Coordination {
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly markers: EngineTransactionMarkers;
  readonly producerIds: ProducerIds;

  constructor(options: CoordinationOptions) {
    const { engine, store, topics, clock, random, config } = options;
    const { groupProbe, transactionProbe } = options;
    const logOf = (topic: string, countProperty: string) => {
      const count = config.number(countProperty);
      const log = new EngineCoordinatorLog({ engine, store, topics, clock, topic, shards: count });
      topics.fixPartitions(topic, log.shards);
      return log;
    };
    this.groups = new GroupCoordinator({
      clock,
      random,
      log: logOf(CONSUMER_OFFSETS_TOPIC, "offsets.topic.num.partitions"),
      config: groupConfig(config),
      topics: {
        partitionCount: (name) => store.image.topic(name)?.replicas.length ?? null,
        topicName: (topicId) => store.image.topicById(topicId)?.name ?? null,
        topicId: (name) => store.image.topic(name)?.topicId ?? null,
      },
      ...(groupProbe === undefined ? {} : { probe: groupProbe }),
    });
    this.producerIds = new ProducerIds(store);
    this.markers = new EngineTransactionMarkers({ engine, store, groups: this.groups, clock });
    this.transactions = new TransactionCoordinator({
      clock,
      log: logOf(TRANSACTION_STATE_TOPIC, "transaction.state.log.num.partitions"),
      config: transactionConfig(config),
      producerIds: this.producerIds,
      markers: this.markers,
      ...(transactionProbe === undefined ? {} : { probe: transactionProbe }),
    });
  }

  /**
   * Reads all shards; requests for what is not read yet are told so and come again. Groups first: a transaction that was decided before the
   * last stop ends for its groups as well.
   */
  async load(): Promise<void> {
    const groups = this.groups.load();
    await groups.catch(() => {});
    await Promise.all([groups, this.transactions.load()]);
  }

  /** Answers what waits, and finishes what is on its way to the log. Idempotent. */
  async close(): Promise<void> {
    await this.transactions.close();
    await this.groups.close();
  }
}

function groupConfig(config: BrokerConfig): GroupCoordinatorConfig {
  return {
    ...DEFAULT_GROUP_COORDINATOR_CONFIG,
    groupMinSessionTimeoutMs: config.number("group.min.session.timeout.ms"),
    groupMaxSessionTimeoutMs: config.number("group.max.session.timeout.ms"),
    groupInitialRebalanceDelayMs: config.number("group.initial.rebalance.delay.ms"),
    groupMaxSize: config.number("group.max.size"),
    offsetsRetentionMinutes: config.number("offsets.retention.minutes"),
    offsetsRetentionCheckIntervalMs: config.number("offsets.retention.check.interval.ms"),
    offsetMetadataMaxBytes: config.number("offset.metadata.max.bytes"),
  };
}

function transactionConfig(config: BrokerConfig): TransactionCoordinatorConfig {
  return {
    ...DEFAULT_TRANSACTION_COORDINATOR_CONFIG,
    transactionMaxTimeoutMs: config.number("transaction.max.timeout.ms"),
    transactionalIdExpirationMs: config.number("transactional.id.expiration.ms"),
    transactionAbortTimedOutTransactionCleanupIntervalMs: config.number(
      "transaction.abort.timed.out.transaction.cleanup.interval.ms",
    ),
    transactionRemoveExpiredTransactionCleanupIntervalMs: config.number(
      "transaction.remove.expired.transaction.cleanup.interval.ms",
    ),
  };
}
