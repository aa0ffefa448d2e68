/** Heartbeats, leaving, committing, and the ends of sessions (CG9, CG11, CG12). */

import type { GroupErrorName } from "../errors.ts";
import { expel, validateGeneration, validateMember } from "./classic-answers.ts";
import type { ClassicGroupInputs, CommitCredentials } from "./classic-events.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { type ClassicMember, NEVER } from "./classic-member.ts";
import { completeJoin, completeJoinIfReady, prepareRebalance } from "./classic-rebalance.ts";
import type {
  HeartbeatRequest,
  LeaveGroupRequest,
  LeaveGroupResult,
  LeavingMember,
} from "./group-types.ts";

export function heartbeatMember(group: ClassicGroup, request: HeartbeatRequest): GroupErrorName {
  const error = validateGeneration(group, request, request.generationId);
  if (error === "NONE") group.touch(group.members.get(request.memberId)!);
  return error;
}

export function heartbeatPreparing(group: ClassicGroup, request: HeartbeatRequest): GroupErrorName {
  const error = heartbeatMember(group, request);
  return error === "NONE" ? "REBALANCE_IN_PROGRESS" : error;
}

export function leaveEmpty(group: ClassicGroup, request: LeaveGroupRequest): LeaveGroupResult {
  return removeLeaving(group, request).result;
}

export function leavePreparing(group: ClassicGroup, request: LeaveGroupRequest): LeaveGroupResult {
  const { result, anyLeft } = removeLeaving(group, request);
  if (anyLeft) completeJoinIfReady(group);
  return result;
}

export function leaveAndRebalance(
  group: ClassicGroup,
  request: LeaveGroupRequest,
): LeaveGroupResult {
  const { result, anyLeft } = removeLeaving(group, request);
  if (anyLeft) prepareRebalance(group);
  return result;
}

function removeLeaving(
  group: ClassicGroup,
  request: LeaveGroupRequest,
): { result: LeaveGroupResult; anyLeft: boolean } {
  let anyLeft = false;
  const members = request.members.map((leaving) => {
    const error = removeOne(group, leaving);
    if (error === "NONE") anyLeft = true;
    return { memberId: leaving.memberId, groupInstanceId: leaving.groupInstanceId, error };
  });
  return { result: { error: "NONE", members }, anyLeft };
}

function removeOne(group: ClassicGroup, leaving: LeavingMember): GroupErrorName {
  let { memberId } = leaving;
  if (memberId === "") {
    // An administrator removes a static member by its instance id alone.
    const present =
      leaving.groupInstanceId === null
        ? undefined
        : group.members.staticMemberId(leaving.groupInstanceId);
    if (present === undefined) return "UNKNOWN_MEMBER_ID";
    memberId = present;
  } else if (group.pendingJoin.delete(memberId)) {
    return "NONE";
  } else {
    const error = validateMember(group, memberId, leaving.groupInstanceId);
    if (error !== "NONE") return error;
  }
  expel(group, memberId);
  return "NONE";
}

export function commitToEmpty(group: ClassicGroup, credentials: CommitCredentials): GroupErrorName {
  if (credentials.generation < 0) return "NONE";
  return validateGeneration(group, credentials, credentials.generation);
}

export function commitAsMember(
  group: ClassicGroup,
  credentials: CommitCredentials,
): GroupErrorName {
  const error = validateCommit(group, credentials);
  if (error === "NONE") group.touch(group.members.get(credentials.memberId)!);
  return error;
}

/** Its member has a generation whose partitions it does not have yet. */
export function commitCompleting(
  group: ClassicGroup,
  credentials: CommitCredentials,
): GroupErrorName {
  const error = validateCommit(group, credentials);
  return error === "NONE" ? "REBALANCE_IN_PROGRESS" : error;
}

/**
 * Producers did not always say for whom they commit, so nothing is asked of those that do not. A rebalance does not matter either: a
 * member that may not commit any more is fenced by its generation (KIP-447). It is no sign of life.
 */
export function commitInTransaction(
  group: ClassicGroup,
  credentials: CommitCredentials,
): GroupErrorName {
  if (namesNobody(credentials)) return "NONE";
  return validateGeneration(group, credentials, credentials.generation);
}

/** A group with members takes commits of members only. */
function validateCommit(group: ClassicGroup, credentials: CommitCredentials): GroupErrorName {
  if (namesNobody(credentials)) return "UNKNOWN_MEMBER_ID";
  return validateGeneration(group, credentials, credentials.generation);
}

function namesNobody({ memberId, groupInstanceId, generation }: CommitCredentials): boolean {
  return generation < 0 && memberId === "" && groupInstanceId === null;
}

export function expirePreparing(
  group: ClassicGroup,
  { member }: ClassicGroupInputs["memberExpired"],
): void {
  if (excuse(member)) return;
  expel(group, member.memberId);
  if (group.hasAllMembersJoined) completeJoin(group);
}

export function expireAndRebalance(
  group: ClassicGroup,
  { member }: ClassicGroupInputs["memberExpired"],
): void {
  if (excuse(member)) return;
  expel(group, member.memberId);
  prepareRebalance(group);
}

/** A member that waits for us is not silent; its session starts anew with our answer. */
function excuse(member: ClassicMember): boolean {
  if (!member.isExcusedFromHeartbeat) return false;
  member.sessionDeadline = NEVER;
  return true;
}

export function forgetPending(
  group: ClassicGroup,
  input: ClassicGroupInputs["pendingExpired"],
): void {
  group.pendingJoin.delete(input.memberId);
}

export function forgetPendingPreparing(
  group: ClassicGroup,
  input: ClassicGroupInputs["pendingExpired"],
): void {
  group.pendingJoin.delete(input.memberId);
  if (group.hasAllMembersJoined) completeJoin(group);
}
