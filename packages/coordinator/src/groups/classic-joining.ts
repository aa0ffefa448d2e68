/** JoinGroup in every state: new members, members that come again, static members that come back (CG3, CG4, CG6, CG10). */
import {
  answerSync,
  joinError,
  joinedAnswer,
  parkJoin,
  syncError,
  validateMember,
} from "./classic-answers.ts";
import type { ClassicGroupInputs } from "./classic-events.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { ClassicMember, type JoinReply } from "./classic-member.ts";
import {
  completeJoinIfReady,
  prepareRebalance,
  rebalanceOrCompleteJoin,
} from "./classic-rebalance.ts";
import type { JoinGroupRequest, JoinGroupResult } from "./group-types.ts";

const EMPTY = Buffer.alloc(0);

/** A join of a new member that waits longer than this is answered with UNKNOWN_MEMBER_ID: its client may be gone, and if not it retries. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000;

/** Most ids that may be pending in a group; see {@link ClassicGroup.pendingJoin}. */
export const PENDING_MEMBERS_MAX = 10_000;

export function joinAsNew(group: ClassicGroup, input: ClassicGroupInputs["join"]): void {
  const { request, newMemberId, reply } = input;
  if (refusedForSize(group, request, reply)) return;
  if (!group.supports(request.protocolType, request.protocols)) {
    reply(joinError("INCONSISTENT_GROUP_PROTOCOL", ""));
    return;
  }
  const instanceId = request.groupInstanceId;
  if (instanceId !== null) {
    const present = group.members.staticMemberId(instanceId);
    if (present === undefined) admit(group, request, newMemberId, reply);
    else replaceStatic(group, present, input);
  } else if (request.requiresKnownMemberId) {
    addPending(group, newMemberId, request.sessionTimeoutMs);
    reply(joinError("MEMBER_ID_REQUIRED", newMemberId));
  } else {
    admit(group, request, newMemberId, reply);
  }
}

/** What holds for a join with a member id in every state; returns the member, or null when the request is dealt with. */
function rejoiningMember(
  group: ClassicGroup,
  { request, reply }: ClassicGroupInputs["rejoin"],
): ClassicMember | null {
  const memberId = request.memberId;
  if (refusedForSize(group, request, reply)) return null;
  if (!group.supports(request.protocolType, request.protocols)) {
    reply(joinError("INCONSISTENT_GROUP_PROTOCOL", memberId));
    return null;
  }
  // Ids are only handed out to dynamic members; one that comes back with an instance id is not the one it was given to.
  if (group.pendingJoin.has(memberId) && request.groupInstanceId === null) {
    admit(group, request, memberId, reply);
    return null;
  }
  const error = validateMember(group, memberId, request.groupInstanceId);
  if (error === "NONE") return group.members.get(memberId)!;
  reply({ ...joinError(error, memberId), protocolName: null });
  return null;
}

export function rejoinEmpty(group: ClassicGroup, input: ClassicGroupInputs["rejoin"]): void {
  const member = rejoiningMember(group, input);
  if (member !== null) throw new Error(`group ${group.groupId} is empty and has members`);
}

export function rejoinPreparing(group: ClassicGroup, input: ClassicGroupInputs["rejoin"]): void {
  const member = rejoiningMember(group, input);
  if (member === null) return;
  update(group, member, input);
  completeJoinIfReady(group);
}

export function rejoinCompleting(group: ClassicGroup, input: ClassicGroupInputs["rejoin"]): void {
  const member = rejoiningMember(group, input);
  if (member === null) return;
  // The same again: it may not have received the first answer.
  if (member.matches(input.request.protocols)) answerWithPresent(group, member, input.reply);
  else updateAndRebalance(group, member, input);
}

export function rejoinStable(group: ClassicGroup, input: ClassicGroupInputs["rejoin"]): void {
  const member = rejoiningMember(group, input);
  if (member === null) return;
  // A leader rejoins because something that matters for the assignment changed, a topic for example (CG6).
  const isLeader = group.members.leader === member.memberId;
  if (!isLeader && member.matches(input.request.protocols)) {
    answerWithPresent(group, member, input.reply);
  } else {
    updateAndRebalance(group, member, input);
  }
}

function answerWithPresent(group: ClassicGroup, member: ClassicMember, reply: JoinReply): void {
  group.touch(member);
  reply(joinedAnswer(group, member));
}

function updateAndRebalance(
  group: ClassicGroup,
  member: ClassicMember,
  input: ClassicGroupInputs["rejoin"],
): void {
  update(group, member, input);
  prepareRebalance(group);
}

function update(
  group: ClassicGroup,
  member: ClassicMember,
  { request, reply }: ClassicGroupInputs["rejoin"],
): void {
  group.members.setProtocols(member, request.protocols);
  member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
  member.sessionTimeoutMs = request.sessionTimeoutMs;
  parkJoin(group, member, reply);
}

function admit(
  group: ClassicGroup,
  request: JoinGroupRequest,
  memberId: string,
  reply: JoinReply,
): void {
  const member = new ClassicMember({ ...request, memberId, assignment: EMPTY });
  member.isNew = true;
  member.joinReply = reply;
  if (group.state === "PreparingRebalance" && group.initialDelay !== null) {
    group.newMemberAdded = true;
  }
  if (group.members.size === 0) group.protocolType = request.protocolType;
  group.pendingJoin.delete(memberId);
  group.members.add(member);
  group.touch(member, NEW_MEMBER_JOIN_TIMEOUT_MS);
  rebalanceOrCompleteJoin(group);
}

/**
 * A static member is back under its instance id (CG10): it takes the place of the member it was, whose requests are fenced. In a
 * stable group whose protocol stays the same nothing else happens, once the new id is stored.
 */
function replaceStatic(
  group: ClassicGroup,
  oldMemberId: string,
  { request, newMemberId, reply }: ClassicGroupInputs["join"],
): void {
  const leaderBefore = group.members.leader ?? "";
  const old = group.members.get(oldMemberId)!;
  fence(group, old);
  const member = new ClassicMember({
    ...request,
    memberId: newMemberId,
    assignment: old.assignment,
  });
  group.members.replace(oldMemberId, member);
  group.pendingSync.delete(oldMemberId);
  parkJoin(group, member, reply);
  group.touch(member);
  if (group.state === "PreparingRebalance") {
    completeJoinIfReady(group);
  } else if (group.state === "Stable" && group.protocolName === group.members.selectProtocol()) {
    const { supportsSkippingAssignment } = request;
    member.staticRejoin = { leaderBefore, supportsSkippingAssignment };
    group.store((each) => each.assignment);
  } else {
    // While the assignment is under way its leader knows the old id only, so all must join again.
    prepareRebalance(group);
  }
}

function fence(group: ClassicGroup, member: ClassicMember): void {
  const error = "FENCED_INSTANCE_ID";
  const fenced = { ...joinError(error, member.memberId), protocolName: null };
  group.members.setJoinReply(member, null)?.(fenced);
  answerSync(member, syncError(error));
}

/** Answers a join of somebody for whom there is no room (CG4), and forgets him. */
function refusedForSize(
  group: ClassicGroup,
  { memberId }: JoinGroupRequest,
  reply: JoinReply,
): boolean {
  if (hasRoomFor(group, memberId)) return false;
  group.members.remove(memberId);
  group.pendingJoin.delete(memberId);
  group.pendingSync.delete(memberId);
  reply(joinError("GROUP_MAX_SIZE_REACHED", ""));
  if (group.state === "PreparingRebalance") completeJoinIfReady(group);
  return true;
}

/** While members gather the first to come are in, so that those beyond a lowered maximum are shut out; later, members stay in. */
function hasRoomFor(group: ClassicGroup, memberId: string): boolean {
  const { members, settings } = group;
  switch (group.state) {
    case "PreparingRebalance":
      return members.awaitingJoin < settings.maxSize || members.get(memberId)?.joinReply != null;
    case "CompletingRebalance":
    case "Stable":
      return members.size < settings.maxSize || members.has(memberId);
    default:
      return true;
  }
}

function addPending(group: ClassicGroup, memberId: string, sessionTimeoutMs: number): void {
  if (group.pendingJoin.size >= PENDING_MEMBERS_MAX) {
    const oldest = group.pendingJoin.keys().next().value;
    if (oldest !== undefined) group.pendingJoin.delete(oldest);
  }
  group.pendingJoin.set(memberId, group.deadlineIn(sessionTimeoutMs));
}

/** Static members whose new id is stored now go on in the generation that they left (CG10). */
export function answerStaticRejoins(
  group: ClassicGroup,
  { metadata }: ClassicGroupInputs["stored"],
): void {
  for (const { memberId } of metadata.members) {
    const member = group.members.get(memberId);
    if (member === undefined || member.staticRejoin === null) continue;
    const { leaderBefore, supportsSkippingAssignment } = member.staticRejoin;
    const answer = joinedAnswer(group, member);
    // Who cannot be told to skip the assignment is told that somebody else leads, so that it does not assign.
    answerStaticRejoin(
      group,
      member,
      supportsSkippingAssignment
        ? { ...answer, skipAssignment: group.members.leader === memberId }
        : { ...answer, leader: leaderBefore, members: [] },
    );
  }
}

/** The new id did not reach the log. It stays: the old member is gone, and the new one asks again by its instance id. */
export function failStaticRejoins(
  group: ClassicGroup,
  input: ClassicGroupInputs["storeFailed"],
): void {
  for (const { memberId } of input.metadata.members) {
    const member = group.members.get(memberId);
    if (member === undefined || member.staticRejoin === null) continue;
    answerStaticRejoin(group, member, joinError(input.error, ""));
  }
}

function answerStaticRejoin(
  group: ClassicGroup,
  member: ClassicMember,
  answer: JoinGroupResult,
): void {
  member.staticRejoin = null;
  group.touch(member);
  group.members.setJoinReply(member, null)?.(answer);
}
