/** What DescribeConfigs says of each setting (its `documentation`), in a sentence or two. A key without a text here has no effect on this broker. */

type Texts = Readonly<Record<string, string>>;

/** Of topics; brokers have the same under the names of {@link BROKER_DEFAULTS}. */
const TOPIC: Texts = {
  "cleanup.policy":
    "What becomes of old records: delete drops whole segments by age and size, compact keeps the last record of each key. Both may be named; an empty list keeps everything.",
  "compression.gzip.level": "Level of gzip where the broker compresses; -1 for the library's own.",
  "compression.lz4.level": "Level of lz4 where the broker compresses.",
  "compression.type":
    "Codec of stored batches. producer keeps batches as they come; any other codec, or uncompressed, makes the broker compress anew what differs.",
  "compression.zstd.level": "Level of zstd where the broker compresses.",
  "delete.retention.ms":
    "How long compaction keeps the tombstone of a deleted key, so that readers that started before see it.",
  "file.delete.delay.ms": "How long the files of removed segments stay on disk.",
  "flush.messages": "Accepted; every append is flushed before it is answered.",
  "flush.ms": "Accepted; every append is flushed before it is answered.",
  "follower.replication.throttled.replicas": "Accepted; there are no followers to throttle.",
  "index.interval.bytes": "Bytes of batches between two entries of the offset index.",
  "leader.replication.throttled.replicas": "Accepted; there are no followers to throttle.",
  "local.retention.bytes": "Accepted; records are kept in one tier.",
  "local.retention.ms": "Accepted; records are kept in one tier.",
  "max.compaction.lag.ms": "How old a record may become before compaction must have looked at it.",
  "max.message.bytes": "Largest batch that is accepted, in bytes as compressed.",
  "message.timestamp.after.max.ms":
    "How far ahead of the broker's clock a record's timestamp may be.",
  "message.timestamp.before.max.ms":
    "How far behind the broker's clock a record's timestamp may be.",
  "message.timestamp.type":
    "Whether a record's timestamp is the producer's (CreateTime) or that of its append (LogAppendTime).",
  "min.cleanable.dirty.ratio":
    "Share of the log that compaction has not seen yet at which it becomes worth compacting.",
  "min.compaction.lag.ms": "How long a record is safe from compaction.",
  "min.insync.replicas":
    "Replicas that acks=all wants. More than a partition has count as all it has.",
  preallocate: "Accepted; segments grow as they are written.",
  "remote.log.copy.disable": "Accepted; records are kept in one tier.",
  "remote.log.delete.on.disable": "Accepted; records are kept in one tier.",
  "remote.storage.enable": "Accepted; records are kept in one tier.",
  "retention.bytes": "Size of a partition beyond which its oldest segments go; -1 for no limit.",
  "retention.ms":
    "Age of a segment's newest record beyond which the segment goes; -1 for no limit.",
  "segment.bytes": "Size at which a new segment is begun.",
  "segment.index.bytes": "Size at which a full index begins a new segment.",
  "segment.jitter.ms":
    "Random part taken off segment.ms, so that segments do not all roll at once.",
  "segment.ms": "Time after which a new segment is begun though the last is not full.",
  "unclean.leader.election.enable": "Accepted; with one copy there is nothing to elect.",
};

/** Of groups; brokers have their defaults under `group.` and the same name, and limits under `min` and `max`. */
const GROUP: Texts = {
  "consumer.assignment.interval.ms": "Least time between two assignments of a group.",
  "consumer.heartbeat.interval.ms":
    "How often members of a consumer group show that they are there.",
  "consumer.session.timeout.ms": "Silence after which a member of a consumer group is gone.",
  "share.assignment.interval.ms": "Least time between two assignments of a share group.",
  "share.auto.offset.reset":
    "Where a share group begins in a partition that it has never read: earliest, latest or by_duration:<ISO 8601 duration>.",
  "share.delivery.count.limit": "How often a record is delivered before it is given up.",
  "share.heartbeat.interval.ms": "How often members of a share group show that they are there.",
  "share.isolation.level":
    "Whether a share group reads records of transactions that are not committed.",
  "share.partition.max.record.locks": "Records of a partition that may be in the hands of members.",
  "share.record.lock.duration.ms": "How long a member has a record before it goes to another.",
  "share.renew.acknowledge.enable": "Whether members may renew their lock of a record.",
  "share.session.timeout.ms": "Silence after which a member of a share group is gone.",
  "streams.assignment.interval.ms": "Least time between two assignments of a streams group.",
  "streams.heartbeat.interval.ms": "How often members of a streams group show that they are there.",
  "streams.initial.rebalance.delay.ms": "How long a new streams group waits for more members.",
  "streams.num.standby.replicas": "Copies of each task's state beside the active one.",
  "streams.session.timeout.ms": "Silence after which a member of a streams group is gone.",
};

const CLIENT_METRICS: Texts = {
  "interval.ms": "How often clients push their metrics.",
  match: "Which clients push: name=pattern pairs over the client's labels; empty for all.",
  metrics: "Prefixes of the metrics that are pushed.",
};

/** The topic setting that a broker setting is the default of. */
const BROKER_DEFAULTS: Texts = {
  "compression.gzip.level": "compression.gzip.level",
  "compression.lz4.level": "compression.lz4.level",
  "compression.type": "compression.type",
  "compression.zstd.level": "compression.zstd.level",
  "log.cleaner.delete.retention.ms": "delete.retention.ms",
  "log.cleaner.max.compaction.lag.ms": "max.compaction.lag.ms",
  "log.cleaner.min.cleanable.ratio": "min.cleanable.dirty.ratio",
  "log.cleaner.min.compaction.lag.ms": "min.compaction.lag.ms",
  "log.cleanup.policy": "cleanup.policy",
  "log.flush.interval.messages": "flush.messages",
  "log.flush.interval.ms": "flush.ms",
  "log.index.interval.bytes": "index.interval.bytes",
  "log.index.size.max.bytes": "segment.index.bytes",
  "log.local.retention.bytes": "local.retention.bytes",
  "log.local.retention.ms": "local.retention.ms",
  "log.message.timestamp.after.max.ms": "message.timestamp.after.max.ms",
  "log.message.timestamp.before.max.ms": "message.timestamp.before.max.ms",
  "log.message.timestamp.type": "message.timestamp.type",
  "log.preallocate": "preallocate",
  "log.retention.bytes": "retention.bytes",
  "log.retention.ms": "retention.ms",
  "log.roll.jitter.ms": "segment.jitter.ms",
  "log.roll.ms": "segment.ms",
  "log.segment.bytes": "segment.bytes",
  "log.segment.delete.delay.ms": "file.delete.delay.ms",
  "message.max.bytes": "max.message.bytes",
  "min.insync.replicas": "min.insync.replicas",
  "unclean.leader.election.enable": "unclean.leader.election.enable",
};

const BROKER: Texts = {
  "advertised.listeners":
    "Addresses that clients are told to connect to; those of listeners when not set.",
  "auto.create.topics.enable": "Whether a topic that a client asks about is created.",
  "broker.id": "Another name of node.id.",
  "broker.rack": "Where the broker stands, for clients that prefer what is near.",
  "connections.max.idle.ms": "Time after which a connection without requests is closed.",
  "default.replication.factor": "Replicas of topics that do not say how many.",
  "delete.topic.enable": "Whether topics may be deleted.",
  "fetch.max.bytes": "Most bytes that one fetch is answered with.",
  "group.initial.rebalance.delay.ms": "How long a new classic group waits for more members.",
  "group.max.session.timeout.ms": "Longest session that a member of a classic group may ask for.",
  "group.max.size": "Most members of a group.",
  "group.min.session.timeout.ms": "Shortest session that a member of a classic group may ask for.",
  "listener.security.protocol.map": "Security protocol of each listener's name.",
  listeners: "Names and addresses that the broker listens on.",
  "log.cleaner.backoff.ms": "How long the cleaner rests when no log is worth compacting.",
  "log.cleaner.dedupe.buffer.size": "Memory of the cleaner for the keys of a pass.",
  "log.cleaner.enable": "Whether compacted topics are compacted.",
  "log.cleaner.io.max.bytes.per.second": "What the cleaner reads and writes at most in a second.",
  "log.dir": "Folder of the data, for when log.dirs is not set.",
  "log.dirs": "Folder of the data; this broker keeps one.",
  "log.retention.check.interval.ms": "How often old segments are looked for.",
  "log.retention.hours":
    "Default of the topic setting retention.ms in hours, for when neither minutes nor ms are set.",
  "log.retention.minutes":
    "Default of the topic setting retention.ms in minutes, for when ms are not set.",
  "log.roll.hours": "Default of the topic setting segment.ms in hours, for when ms are not set.",
  "log.roll.jitter.hours":
    "Default of the topic setting segment.jitter.ms in hours, for when ms are not set.",
  "max.connection.creation.rate":
    "Most connections that the broker accepts in a second, and that each of its listeners does; what comes faster waits.",
  "max.connections":
    "Most connections to the broker, and to each of its listeners; what is too much waits until another has gone.",
  "max.connections.per.ip": "Most connections from one address; what is too much is closed.",
  "max.connections.per.ip.overrides":
    "Most connections from single addresses or hosts, as host:count, separated by commas.",
  "max.incremental.fetch.session.cache.slots": "Most fetch sessions that are remembered.",
  "max.request.partition.size.limit":
    "Most partitions that DescribeTopicPartitions answers with at once.",
  "node.id": "Number of the broker; it stays with the data.",
  "num.partitions": "Partitions of topics that do not say how many.",
  "offset.metadata.max.bytes": "Longest text that may stand beside a committed offset.",
  "offsets.retention.check.interval.ms": "How often expired offsets are looked for.",
  "offsets.retention.minutes": "How long offsets of a group are kept that nobody reads with.",
  "offsets.topic.num.partitions": "Partitions of __consumer_offsets when it is created.",
  "offsets.topic.replication.factor":
    "Replicas of __consumer_offsets when it is created; no more than there are brokers.",
  "offsets.topic.segment.bytes": "Size of segments of __consumer_offsets when it is created.",
  "producer.id.expiration.ms": "How long a partition remembers a producer that does not write.",
  "queued.max.request.bytes": "Memory for requests under way, all connections together.",
  "socket.request.max.bytes": "Largest request; one that claims more closes its connection.",
  "transaction.abort.timed.out.transaction.cleanup.interval.ms":
    "How often transactions are looked for that are open for too long.",
  "transaction.max.timeout.ms": "Longest time that a producer may ask for to finish a transaction.",
  "transaction.partition.verification.enable":
    "Whether records of older producers are refused in partitions that they have not added to their transaction.",
  "transaction.remove.expired.transaction.cleanup.interval.ms":
    "How often transactional ids are looked for that nobody uses.",
  "transaction.state.log.min.isr":
    "min.insync.replicas of __transaction_state when it is created; no more than it has replicas.",
  "transaction.state.log.num.partitions": "Partitions of __transaction_state when it is created.",
  "transaction.state.log.replication.factor":
    "Replicas of __transaction_state when it is created; no more than there are brokers.",
  "transaction.state.log.segment.bytes":
    "Size of segments of __transaction_state when it is created.",
  "transactional.id.expiration.ms": "How long a transactional id is remembered that nobody uses.",
};

const NO_EFFECT = "A setting of Apache Kafka that is accepted and has no effect on this broker.";

export function topicDocumentation(name: string): string | null {
  return TOPIC[name] ?? null;
}

export function groupDocumentation(name: string): string | null {
  return GROUP[name] ?? null;
}

export function clientMetricsDocumentation(name: string): string | null {
  return CLIENT_METRICS[name] ?? null;
}

/** @param isKnown whether the key is one of Kafka's; of others nothing can be said. */
export function brokerDocumentation(name: string, isKnown: boolean): string | null {
  const topicName = BROKER_DEFAULTS[name];
  if (topicName !== undefined) {
    return `Default of the topic setting ${topicName}: ${TOPIC[topicName]}`;
  }
  const text = BROKER[name] ?? groupDefault(name);
  return text ?? (isKnown ? NO_EFFECT : null);
}

function groupDefault(name: string): string | null {
  const [, kind, bound, setting] =
    /^group\.(consumer|share|streams)\.(?:(min|max)\.)?(.+)$/.exec(name) ?? [];
  const text = GROUP[`${kind}.${setting}`];
  if (text === undefined) return null;
  const limit = bound === undefined ? "Default" : bound === "min" ? "Least value" : "Largest value";
  return `${limit} of the group setting ${kind}.${setting}: ${text}`;
}
