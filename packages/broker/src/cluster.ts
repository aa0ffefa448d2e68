/**
 * The logical brokers of this process. There is usually one; a test mode has several, with ids and ports of their own over the same
 * logs, so that suites written for three brokers run unchanged.
 */
import type { Topic } from "@ottla/metadata";

export interface Endpoint {
  readonly listener: string;
  readonly host: string;
  readonly port: number;
}

export interface LogicalBroker {
  readonly id: number;
  readonly rack: string | null;
  /** What clients are told to connect to, by listener name. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

export class Cluster {
  readonly brokers: readonly LogicalBroker[];
  readonly brokerIds: readonly number[];
  readonly #byId: ReadonlyMap<number, LogicalBroker>;

  constructor(brokers: readonly LogicalBroker[]) {
    this.brokers = brokers;
    this.brokerIds = brokers.map((broker) => broker.id);
    this.#byId = new Map(brokers.map((broker) => [broker.id, broker]));
  }

  /** The broker that answers for controller requests. */
  get controller(): LogicalBroker {
    return this.brokers[0]!;
  }

  broker(id: number): LogicalBroker | null {
    return this.#byId.get(id) ?? null;
  }

  /** Where clients of one listener reach a broker (S1: the endpoint of the same listener name). */
  endpoint(broker: LogicalBroker, listener: string): Endpoint {
    return broker.endpoints.get(listener) ?? broker.endpoints.values().next().value!;
  }

  /** The replicas of a partition that exist here, leader first. */
  replicas(topic: Topic, partition: number): readonly number[] {
    const assigned = topic.replicas[partition];
    if (assigned === undefined) return [];
    const live = this.brokers.length === 1 ? [] : assigned.filter((id) => this.#byId.has(id));
    return live.length > 0 ? live : [this.#fallback(assigned)];
  }

  /** A partition always has a leader: one of its replicas, or, when none of them is part of this start, a broker that is. */
  leader(topic: Topic, partition: number): number {
    const preferred = topic.replicas[partition]?.[0];
    if (preferred !== undefined && this.#byId.has(preferred)) return preferred;
    return this.replicas(topic, partition)[0] ?? this.controller.id;
  }

  #fallback(assigned: readonly number[]): number {
    const present = assigned.find((id) => this.#byId.has(id));
    return present ?? this.brokerIds[(assigned[0] ?? 0) % this.brokerIds.length]!;
  }
}
