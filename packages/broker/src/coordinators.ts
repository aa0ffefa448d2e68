/** Which broker coordinates a group or a transactional id. */
import { errorCode } from "@ottla/protocol";
import type { LogicalBroker } from "./cluster.ts";
import type { RequestContext } from "./handler.ts";
import type { Services } from "./services.ts";
import { CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC } from "./topic-service.ts";

const NOT_COORDINATOR = errorCode("NOT_COORDINATOR");

/** The leader of the group's partition of `__consumer_offsets` (CG14). */
export function groupCoordinator(services: Services, groupId: string): LogicalBroker {
  return leaderOf(services, CONSUMER_OFFSETS_TOPIC, services.groups.shardFor(groupId));
}

/** The leader of the id's partition of `__transaction_state`. */
export function transactionCoordinator(services: Services, transactionalId: string): LogicalBroker {
  const { transactions } = services;
  return leaderOf(services, TRANSACTION_STATE_TOPIC, transactions.shardFor(transactionalId));
}

function leaderOf({ cluster, store }: Services, name: string, shard: number): LogicalBroker {
  const topic = store.image.topic(name);
  if (topic === null) return cluster.controller;
  return cluster.broker(cluster.leader(topic, shard)) ?? cluster.controller;
}

/** 0, or NOT_COORDINATOR when another broker of this process answers for the group. */
export function coordinatorError(context: RequestContext, groupId: string): number {
  const { broker, services } = context;
  if (services.cluster.brokers.length === 1) return 0;
  return groupCoordinator(services, groupId).id === broker.id ? 0 : NOT_COORDINATOR;
}

/** Whether another broker of this process answers for the transactional id. The empty id is everywhere wrong, and nobody's (TX3). */
export function isForeignTransaction(context: RequestContext, transactionalId: string): boolean {
  const { broker, services } = context;
  if (services.cluster.brokers.length === 1 || transactionalId === "") return false;
  return transactionCoordinator(services, transactionalId).id !== broker.id;
}
