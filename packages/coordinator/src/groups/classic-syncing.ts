/** SyncGroup in every state, and what becomes of the assignment (CG8). */

import type { GroupErrorName } from "../errors.ts";
import {
  answerSync,
  assignmentAnswer,
  expel,
  syncError,
  validateGeneration,
} from "./classic-answers.ts";
import type { Cell, ClassicGroupInputs } from "./classic-events.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { type ClassicMember, NEVER } from "./classic-member.ts";
import { abandonSync, prepareRebalance } from "./classic-rebalance.ts";
import type { SyncGroupRequest } from "./group-types.ts";

const EMPTY = Buffer.alloc(0);

export function refuseSync(error: GroupErrorName): Cell<"sync"> {
  return (_, { reply }) => reply(syncError(error));
}

export function syncPreparing(
  group: ClassicGroup,
  { request, reply }: ClassicGroupInputs["sync"],
): void {
  const error = validateSync(group, request);
  reply(syncError(error === "NONE" ? "REBALANCE_IN_PROGRESS" : error));
}

/** Waits for the leader's assignment (CG8); the leader's own is stored first. */
export function syncCompleting(
  group: ClassicGroup,
  { request, reply }: ClassicGroupInputs["sync"],
): void {
  const error = validateSync(group, request);
  if (error !== "NONE") {
    reply(syncError(error));
    return;
  }
  const member = group.members.get(request.memberId)!;
  answerSync(member, syncError("REBALANCE_IN_PROGRESS"));
  member.syncReply = reply;
  group.touch(member);
  synced(group, member);
  if (group.members.leader !== member.memberId) return;
  // A leader that asks again waits for the assignment that is already on its way.
  if (group.storingGeneration === group.generation) return;
  group.storingGeneration = group.generation;
  const assignments = new Map<string, Buffer>();
  for (const { memberId, assignment } of request.assignments) assignments.set(memberId, assignment);
  group.store((each) => assignments.get(each.memberId) ?? EMPTY);
}

export function syncStable(
  group: ClassicGroup,
  { request, reply }: ClassicGroupInputs["sync"],
): void {
  const error = validateSync(group, request);
  if (error !== "NONE") {
    reply(syncError(error));
    return;
  }
  const member = group.members.get(request.memberId)!;
  group.touch(member);
  synced(group, member);
  reply(assignmentAnswer(group, member));
}

function synced(group: ClassicGroup, member: ClassicMember): void {
  group.pendingSync.delete(member.memberId);
  if (group.pendingSync.size === 0) group.syncDeadline = NEVER;
}

/** The assignment is durable: adopt it and let everybody have his part. */
export function becomeStable(
  group: ClassicGroup,
  { metadata }: ClassicGroupInputs["stored"],
): void {
  if (metadata.generation !== group.generation || metadata.members.length === 0) return;
  group.storingGeneration = -1;
  for (const { memberId, assignment } of metadata.members) {
    const member = group.members.get(memberId);
    if (member !== undefined) member.assignment = assignment;
  }
  group.enter("Stable");
  for (const member of group.members) {
    if (member.syncReply === null) continue;
    group.touch(member);
    answerSync(member, assignmentAnswer(group, member));
  }
}

export function failSync(
  group: ClassicGroup,
  { metadata, error }: ClassicGroupInputs["storeFailed"],
): void {
  if (metadata.generation !== group.generation) return;
  abandonSync(group, error);
  prepareRebalance(group);
}

/** Members that had the time of a rebalance to sync, and did not, are out. */
export function removeUnsynced(group: ClassicGroup): void {
  group.syncDeadline = NEVER;
  if (group.pendingSync.size === 0) return;
  for (const memberId of group.pendingSync) expel(group, memberId);
  prepareRebalance(group);
}

function validateSync(group: ClassicGroup, request: SyncGroupRequest): GroupErrorName {
  const error = validateGeneration(group, request, request.generationId);
  if (error !== "NONE") return error;
  const isConsistent =
    agree(request.protocolType, group.protocolType) &&
    agree(request.protocolName, group.protocolName);
  return isConsistent ? "NONE" : "INCONSISTENT_GROUP_PROTOCOL";
}

function agree(asked: string | null, present: string | null): boolean {
  return asked === null || present === null || asked === present;
}
