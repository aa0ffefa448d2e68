/** Which broker answers for a partition, and what to tell a client that asked the wrong one. */
import type { Topic } from "@ottla/metadata";
import { errorCode } from "@ottla/protocol";
import type { LogicalBroker } from "./cluster.ts";
import type { RequestContext } from "./handler.ts";

const UNKNOWN_TOPIC_OR_PARTITION = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
const NOT_LEADER_OR_FOLLOWER = errorCode("NOT_LEADER_OR_FOLLOWER");
const FENCED_LEADER_EPOCH = errorCode("FENCED_LEADER_EPOCH");

/** 0, or Kafka's code for why this broker does not serve the partition. */
export function partitionError(
  context: RequestContext,
  topic: Topic | null,
  partition: number,
): number {
  if (topic === null || partition < 0 || partition >= topic.replicas.length) {
    return UNKNOWN_TOPIC_OR_PARTITION;
  }
  const { cluster } = context.services;
  if (cluster.brokers.length === 1) return 0;
  return cluster.leader(topic, partition) === context.broker.id ? 0 : NOT_LEADER_OR_FOLLOWER;
}

/**
 * Whether a client claims to know a leader epoch that cannot have been: only −1 stands for not knowing one. (Fetch alone takes all negative
 * ones for −1.)
 */
export function isImpossibleEpoch(currentLeaderEpoch: number): boolean {
  return currentLeaderEpoch < -1;
}

/** Leaders that a response names because partitions were asked for elsewhere (KIP-951, gotcha 8). */
export class LeaderHints {
  readonly #context: RequestContext;
  readonly #isTold: boolean;
  /** null until one is named, as hardly any request does. */
  #brokers: Set<LogicalBroker> | null = null;

  /** @param since first version of the response that can carry hints. */
  constructor(context: RequestContext, since: number) {
    this.#context = context;
    this.#isTold = context.version >= since;
  }

  /** The `CurrentLeader` of a partition, remembered for {@link nodeEndpoints}; undefined unless the code says that the client knows another. */
  currentLeader(code: number, topic: Topic | null, partition: number) {
    if (code !== NOT_LEADER_OR_FOLLOWER && code !== FENCED_LEADER_EPOCH) return undefined;
    if (!this.#isTold || topic === null) return undefined;
    const { cluster, engine } = this.#context.services;
    const leaderId = cluster.leader(topic, partition);
    const broker = cluster.broker(leaderId);
    if (broker !== null) {
      this.#brokers ??= new Set();
      this.#brokers.add(broker);
    }
    return { leaderId, leaderEpoch: engine.leaderEpoch };
  }

  nodeEndpoints() {
    if (this.#brokers === null) return [];
    const { connection, services } = this.#context;
    return Array.from(this.#brokers, (broker) => {
      const { host, port } = services.cluster.endpoint(broker, connection.listenerName);
      return { nodeId: broker.id, host, port, rack: broker.rack };
    });
  }
}
