import {
  atLeast,
  boolean,
  type ConfigDefinition,
  int,
  oneOf,
  shareAutoOffsetReset,
  string,
} from "./definition.ts";

/** Configs of a group resource, Apache Kafka 4.3 (KIP-848, KIP-932, KIP-1071). */
export const GROUP_CONFIGS: readonly ConfigDefinition[] = [
  int("consumer.assignment.interval.ms", 1000, atLeast(0)),
  int("consumer.heartbeat.interval.ms", 5000, atLeast(1)),
  int("consumer.session.timeout.ms", 45_000, atLeast(1)),
  int("share.assignment.interval.ms", 1000, atLeast(0)),
  string("share.auto.offset.reset", "latest", shareAutoOffsetReset),
  int("share.delivery.count.limit", 5, atLeast(2)),
  int("share.heartbeat.interval.ms", 5000, atLeast(1)),
  string("share.isolation.level", "read_uncommitted", oneOf("read_committed", "read_uncommitted")),
  int("share.partition.max.record.locks", 2000, atLeast(100)),
  int("share.record.lock.duration.ms", 30_000, atLeast(1000)),
  boolean("share.renew.acknowledge.enable", true),
  int("share.session.timeout.ms", 45_000, atLeast(1)),
  int("streams.assignment.interval.ms", 1000, atLeast(0)),
  int("streams.heartbeat.interval.ms", 5000, atLeast(1)),
  int("streams.initial.rebalance.delay.ms", 3000, atLeast(0)),
  int("streams.num.standby.replicas", 0, atLeast(0)),
  int("streams.session.timeout.ms", 45_000, atLeast(1)),
];
