/** Who may ask, and how requests to a classic group are answered or parked. */

import type { GroupErrorName } from "../errors.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { ClassicMember, JoinReply } from "./classic-member.ts";
import type { JoinGroupResult, SyncGroupResult } from "./group-types.ts";

const EMPTY = Buffer.alloc(0);

export function validateMember(
  group: ClassicGroup,
  memberId: string,
  groupInstanceId: string | null,
): GroupErrorName {
  if (groupInstanceId !== null) {
    const present = group.members.staticMemberId(groupInstanceId);
    if (present === undefined) return "UNKNOWN_MEMBER_ID";
    if (present !== memberId) return "FENCED_INSTANCE_ID";
  }
  return group.members.has(memberId) ? "NONE" : "UNKNOWN_MEMBER_ID";
}

export function validateGeneration(
  group: ClassicGroup,
  { memberId, groupInstanceId }: { memberId: string; groupInstanceId: string | null },
  generation: number,
): GroupErrorName {
  const error = validateMember(group, memberId, groupInstanceId);
  if (error !== "NONE") return error;
  return generation === group.generation ? "NONE" : "ILLEGAL_GENERATION";
}

export function answerSync(member: ClassicMember, answer: SyncGroupResult): void {
  const { syncReply } = member;
  member.syncReply = null;
  syncReply?.(answer);
}

export function assignmentAnswer(group: ClassicGroup, member: ClassicMember): SyncGroupResult {
  return {
    error: "NONE",
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}

export function joinedAnswer(group: ClassicGroup, member: ClassicMember): JoinGroupResult {
  return {
    error: "NONE",
    generationId: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.members.leader ?? "",
    skipAssignment: false,
    memberId: member.memberId,
    members: group.members.leader === member.memberId ? group.joinedMembers() : [],
  };
}

export function parkJoin(group: ClassicGroup, member: ClassicMember, reply: JoinReply): void {
  const overtaken = group.members.setJoinReply(member, reply);
  member.staticRejoin = null;
  overtaken?.(joinError("REBALANCE_IN_PROGRESS", member.memberId));
}

/** Takes a member out; what it has parked here is answered so that it comes back as a new one if it is still there. */
export function expel(group: ClassicGroup, memberId: string): void {
  const member = group.members.remove(memberId);
  group.pendingSync.delete(memberId);
  if (member === null) return;
  const { joinReply } = member;
  member.joinReply = null;
  joinReply?.(joinError("UNKNOWN_MEMBER_ID", ""));
  answerSync(member, syncError("UNKNOWN_MEMBER_ID"));
}

export function joinError(error: GroupErrorName, memberId: string): JoinGroupResult {
  return {
    error,
    generationId: -1,
    protocolType: null,
    protocolName: "",
    leader: "",
    skipAssignment: false,
    memberId,
    members: [],
  };
}

export function syncError(error: GroupErrorName): SyncGroupResult {
  return { error, protocolType: null, protocolName: null, assignment: EMPTY };
}
