/** Which broker coordinates a group. */
import { errorCode } from "@ottla/protocol";
import type { LogicalBroker } from "./cluster.ts";
import type { RequestContext } from "./handler.ts";
import type { Services } from "./services.ts";
import { CONSUMER_OFFSETS_TOPIC } from "./topic-service.ts";

const NOT_COORDINATOR = errorCode("NOT_COORDINATOR");

/** The leader of the group's partition of `__consumer_offsets` (CG14). */
export function groupCoordinator(services: Services, groupId: string): LogicalBroker {
  const { cluster, groups, store } = services;
  const topic = store.image.topic(CONSUMER_OFFSETS_TOPIC);
  if (topic === null) return cluster.controller;
  const leader = cluster.leader(topic, groups.shardFor(groupId));
  return cluster.broker(leader) ?? cluster.controller;
}

/** 0, or NOT_COORDINATOR when another broker of this process answers for the group. */
export function coordinatorError(context: RequestContext, groupId: string): number {
  const { broker, services } = context;
  if (services.cluster.brokers.length === 1) return 0;
  return groupCoordinator(services, groupId).id === broker.id ? 0 : NOT_COORDINATOR;
}
