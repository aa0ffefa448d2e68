/**
 * The total transition table of a classic group, and its cells; the states are drawn in classic-group.ts. Each cell is what Apache
 * Kafka does with that event in that state. Three differences, none of which a client depends on: a request that is overtaken by a
 * second one of the same member, or whose member is removed, is answered (Kafka drops it); a member that is refused for the size
 * of the group does not hold up those who are in; Join and Sync that are answered at once also count as heartbeats.
 */
import type { ClassicGroup } from "./classic-group.ts";
import { ClassicMember, type JoinReply, NEVER, type SyncReply } from "./classic-member.ts";
import type { GroupErrorName } from "./errors.ts";
import type {
  ClassicGroupState,
  HeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResult,
  LeaveGroupRequest,
  LeaveGroupResult,
  LeavingMember,
  SyncGroupRequest,
  SyncGroupResult,
} from "./group-types.ts";
import type { GroupMetadata } from "./records/group-metadata.ts";

/** A join of a new member that waits longer than this is answered with UNKNOWN_MEMBER_ID: its client may be gone, and if not it retries. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000;

/** Most ids that may be pending in a group; see {@link ClassicGroup.pendingJoin}. */
export const PENDING_MEMBERS_MAX = 10_000;

const EMPTY = Buffer.alloc(0);

/** What each event brings along. */
export interface ClassicGroupInputs {
  /** JoinGroup without a member id; `newMemberId` is the one to give. */
  join: {
    readonly request: JoinGroupRequest;
    readonly newMemberId: string;
    readonly reply: JoinReply;
  };
  /** JoinGroup with a member id. */
  rejoin: { readonly request: JoinGroupRequest; readonly reply: JoinReply };
  sync: { readonly request: SyncGroupRequest; readonly reply: SyncReply };
  heartbeat: HeartbeatRequest;
  leave: LeaveGroupRequest;
  /** May these credentials commit offsets? */
  commit: CommitCredentials;
  memberExpired: { readonly member: ClassicMember };
  pendingExpired: { readonly memberId: string };
  joinDue: object;
  syncDue: object;
  stored: { readonly metadata: GroupMetadata };
  storeFailed: { readonly metadata: GroupMetadata; readonly error: GroupErrorName };
  /** The group was loaded, and `group.max.size` may have been lowered since it was stored. */
  loaded: object;
  /** The group is deleted or its shard goes away: `error` is for those who wait. */
  unload: { readonly error: GroupErrorName };
}

/** What each event is answered with at once; join and sync use their `reply`. */
interface Answers {
  heartbeat: GroupErrorName;
  leave: LeaveGroupResult;
  commit: GroupErrorName;
}

export type ClassicGroupOutput<Event extends ClassicGroupEvent> = Event extends keyof Answers
  ? Answers[Event]
  : unknown;

export type ClassicGroupEvent = keyof ClassicGroupInputs;

export interface CommitCredentials {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generation: number;
}

type Cell<Event extends ClassicGroupEvent> = (
  group: ClassicGroup,
  input: ClassicGroupInputs[Event],
) => ClassicGroupOutput<Event>;

export const TRANSITIONS: {
  readonly [State in ClassicGroupState]: { readonly [Event in ClassicGroupEvent]: Cell<Event> };
} = {
  Empty: {
    join: joinAsNew,
    rejoin: rejoinEmpty,
    sync: refuseSync("UNKNOWN_MEMBER_ID"),
    heartbeat: () => "UNKNOWN_MEMBER_ID",
    leave: leaveEmpty,
    commit: commitToEmpty,
    memberExpired: ignore,
    pendingExpired: forgetPending,
    joinDue: ignore,
    syncDue: ignore,
    stored: ignore,
    storeFailed: ignore,
    loaded: ignore,
    unload: die,
  },
  PreparingRebalance: {
    join: joinAsNew,
    rejoin: rejoinPreparing,
    sync: syncPreparing,
    heartbeat: heartbeatPreparing,
    leave: leavePreparing,
    commit: commitAsMember,
    memberExpired: expirePreparing,
    pendingExpired: forgetPendingPreparing,
    joinDue: concludeJoin,
    syncDue: ignoreSyncDue,
    stored: ignore,
    storeFailed: ignore,
    loaded: ignore,
    unload: die,
  },
  CompletingRebalance: {
    join: joinAsNew,
    rejoin: rejoinCompleting,
    sync: syncCompleting,
    heartbeat: heartbeatMember,
    leave: leaveAndRebalance,
    commit: commitCompleting,
    memberExpired: expireAndRebalance,
    pendingExpired: forgetPending,
    joinDue: ignoreJoinDue,
    syncDue: removeUnsynced,
    stored: becomeStable,
    storeFailed: failSync,
    loaded: ignore,
    unload: die,
  },
  Stable: {
    join: joinAsNew,
    rejoin: rejoinStable,
    sync: syncStable,
    heartbeat: heartbeatMember,
    leave: leaveAndRebalance,
    commit: commitAsMember,
    memberExpired: expireAndRebalance,
    pendingExpired: forgetPending,
    joinDue: ignoreJoinDue,
    syncDue: removeUnsynced,
    stored: answerStaticRejoins,
    storeFailed: failStaticRejoins,
    loaded: shrink,
    unload: die,
  },
  Dead: {
    join: (_, { reply }) => reply(joinError("COORDINATOR_NOT_AVAILABLE", "")),
    rejoin: (_, { request, reply }) =>
      reply(joinError("COORDINATOR_NOT_AVAILABLE", request.memberId)),
    sync: refuseSync("COORDINATOR_NOT_AVAILABLE"),
    heartbeat: () => "COORDINATOR_NOT_AVAILABLE",
    leave: () => ({ error: "COORDINATOR_NOT_AVAILABLE", members: [] }),
    commit: () => "COORDINATOR_NOT_AVAILABLE",
    memberExpired: ({ members }, { member }) => void members.remove(member.memberId),
    pendingExpired: forgetPending,
    joinDue: ignoreJoinDue,
    syncDue: ignoreSyncDue,
    stored: ignore,
    storeFailed: ignore,
    loaded: ignore,
    unload: ignore,
  },
};

// Joining

function joinAsNew(group: ClassicGroup, input: ClassicGroupInputs["join"]): void {
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

function rejoinEmpty(group: ClassicGroup, input: ClassicGroupInputs["rejoin"]): void {
  const member = rejoiningMember(group, input);
  if (member !== null) throw new Error(`group ${group.groupId} is empty and has members`);
}

function rejoinPreparing(group: ClassicGroup, input: ClassicGroupInputs["rejoin"]): void {
  const member = rejoiningMember(group, input);
  if (member === null) return;
  update(group, member, input);
  completeJoinIfReady(group);
}

function rejoinCompleting(group: ClassicGroup, input: ClassicGroupInputs["rejoin"]): void {
  const member = rejoiningMember(group, input);
  if (member === null) return;
  // The same again: it may not have received the first answer.
  if (member.matches(input.request.protocols)) answerWithPresent(group, member, input.reply);
  else updateAndRebalance(group, member, input);
}

function rejoinStable(group: ClassicGroup, input: ClassicGroupInputs["rejoin"]): void {
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

function parkJoin(group: ClassicGroup, member: ClassicMember, reply: JoinReply): void {
  const overtaken = group.members.setJoinReply(member, reply);
  member.staticRejoin = null;
  overtaken?.(joinError("REBALANCE_IN_PROGRESS", member.memberId));
}

// The join phase

function rebalanceOrCompleteJoin(group: ClassicGroup): void {
  if (group.state === "PreparingRebalance") completeJoinIfReady(group);
  else prepareRebalance(group);
}

/** Calls everybody together (CG1). From Empty the first rebalance waits for more members to come (CG2). */
function prepareRebalance(group: ClassicGroup): void {
  if (group.state === "CompletingRebalance") abandonSync(group, "REBALANCE_IN_PROGRESS");
  group.pendingSync.clear();
  group.syncDeadline = NEVER;
  const isInitial = group.state === "Empty";
  group.enter("PreparingRebalance");
  if (isInitial) {
    const delayMs = group.settings.initialRebalanceDelayMs;
    const remainingMs = Math.max(group.members.rebalanceTimeoutMs() - delayMs, 0);
    group.initialDelay = { delayMs, remainingMs };
    group.newMemberAdded = false;
    group.joinDeadline = group.deadlineIn(delayMs);
  } else if (group.hasAllMembersJoined) {
    completeJoin(group);
  } else {
    group.joinDeadline = group.deadlineIn(group.members.rebalanceTimeoutMs());
  }
}

/** The first rebalance of a group takes its time even when all are there. */
function completeJoinIfReady(group: ClassicGroup): void {
  if (group.initialDelay === null && group.hasAllMembersJoined) completeJoin(group);
}

/** Time is up: put the first rebalance off once more when somebody came (CG2), otherwise go on with those who are there (CG5). */
function concludeJoin(group: ClassicGroup): void {
  const initial = group.initialDelay;
  if (initial === null || !group.newMemberAdded || initial.remainingMs === 0) {
    completeJoin(group);
    return;
  }
  group.newMemberAdded = false;
  const delayMs = Math.min(group.settings.initialRebalanceDelayMs, initial.remainingMs);
  const remainingMs = Math.max(initial.remainingMs - initial.delayMs, 0);
  group.initialDelay = { delayMs, remainingMs };
  group.joinDeadline = group.deadlineIn(delayMs);
}

/**
 * Ends the join phase: dynamic members that did not come back are out, static ones stay (CG5). With nobody who rejoined among
 * those who stay there is no leader to assign, and the phase goes on until their sessions end.
 */
function completeJoin(group: ClassicGroup): void {
  const { members } = group;
  group.joinDeadline = NEVER;
  for (const member of members) {
    if (member.joinReply === null && member.groupInstanceId === null) {
      members.remove(member.memberId);
    }
  }
  if (members.size > 0 && !members.electJoinedLeader()) {
    group.joinDeadline = group.deadlineIn(members.rebalanceTimeoutMs());
    return;
  }
  group.initialDelay = null;
  group.enterNextGeneration();
  if (group.state === "Empty") {
    group.store(() => EMPTY);
    return;
  }
  for (const member of members) {
    group.touch(member);
    group.pendingSync.add(member.memberId);
    member.isNew = false;
    member.staticRejoin = null;
    members.setJoinReply(member, null)?.(joinedAnswer(group, member));
  }
  group.syncDeadline = group.deadlineIn(members.rebalanceTimeoutMs());
}

function joinedAnswer(group: ClassicGroup, member: ClassicMember): JoinGroupResult {
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

// Syncing

function syncPreparing(group: ClassicGroup, { request, reply }: ClassicGroupInputs["sync"]): void {
  const error = validateSync(group, request);
  reply(syncError(error === "NONE" ? "REBALANCE_IN_PROGRESS" : error));
}

/** Waits for the leader's assignment (CG8); the leader's own is stored first. */
function syncCompleting(group: ClassicGroup, { request, reply }: ClassicGroupInputs["sync"]): void {
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

function syncStable(group: ClassicGroup, { request, reply }: ClassicGroupInputs["sync"]): void {
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
function becomeStable(group: ClassicGroup, { metadata }: ClassicGroupInputs["stored"]): void {
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

function failSync(
  group: ClassicGroup,
  { metadata, error }: ClassicGroupInputs["storeFailed"],
): void {
  if (metadata.generation !== group.generation) return;
  abandonSync(group, error);
  prepareRebalance(group);
}

function abandonSync(group: ClassicGroup, error: GroupErrorName): void {
  group.storingGeneration = -1;
  for (const member of group.members) {
    member.assignment = EMPTY;
    if (member.syncReply === null) continue;
    group.touch(member);
    answerSync(member, syncError(error));
  }
}

/** Members that had the time of a rebalance to sync, and did not, are out. */
function removeUnsynced(group: ClassicGroup): void {
  group.syncDeadline = NEVER;
  if (group.pendingSync.size === 0) return;
  for (const memberId of group.pendingSync) expel(group, memberId);
  prepareRebalance(group);
}

/** Static members whose new id is stored now go on in the generation that they left (CG10). */
function answerStaticRejoins(
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
function failStaticRejoins(group: ClassicGroup, input: ClassicGroupInputs["storeFailed"]): void {
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

// Staying, leaving, committing

function heartbeatMember(group: ClassicGroup, request: HeartbeatRequest): GroupErrorName {
  const error = validateGeneration(group, request, request.generationId);
  if (error === "NONE") group.touch(group.members.get(request.memberId)!);
  return error;
}

function heartbeatPreparing(group: ClassicGroup, request: HeartbeatRequest): GroupErrorName {
  const error = heartbeatMember(group, request);
  return error === "NONE" ? "REBALANCE_IN_PROGRESS" : error;
}

function leaveEmpty(group: ClassicGroup, request: LeaveGroupRequest): LeaveGroupResult {
  return removeLeaving(group, request).result;
}

function leavePreparing(group: ClassicGroup, request: LeaveGroupRequest): LeaveGroupResult {
  const { result, anyLeft } = removeLeaving(group, request);
  if (anyLeft) completeJoinIfReady(group);
  return result;
}

function leaveAndRebalance(group: ClassicGroup, request: LeaveGroupRequest): LeaveGroupResult {
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

/** Takes a member out; what it has parked here is answered so that it comes back as a new one if it is still there. */
function expel(group: ClassicGroup, memberId: string): void {
  const member = group.members.remove(memberId);
  group.pendingSync.delete(memberId);
  if (member === null) return;
  const { joinReply } = member;
  member.joinReply = null;
  joinReply?.(joinError("UNKNOWN_MEMBER_ID", ""));
  answerSync(member, syncError("UNKNOWN_MEMBER_ID"));
}

function commitToEmpty(group: ClassicGroup, credentials: CommitCredentials): GroupErrorName {
  if (credentials.generation < 0) return "NONE";
  return validateGeneration(group, credentials, credentials.generation);
}

function commitAsMember(group: ClassicGroup, credentials: CommitCredentials): GroupErrorName {
  const { memberId, groupInstanceId, generation } = credentials;
  if (generation < 0 && memberId === "" && groupInstanceId === null) return "UNKNOWN_MEMBER_ID";
  const error = validateGeneration(group, credentials, generation);
  if (error === "NONE") group.touch(group.members.get(memberId)!);
  return error;
}

/** Its member has a generation whose partitions it does not have yet. */
function commitCompleting(group: ClassicGroup, credentials: CommitCredentials): GroupErrorName {
  const { memberId, groupInstanceId, generation } = credentials;
  if (generation < 0 && memberId === "" && groupInstanceId === null) return "UNKNOWN_MEMBER_ID";
  const error = validateGeneration(group, credentials, generation);
  return error === "NONE" ? "REBALANCE_IN_PROGRESS" : error;
}

// Time

function expirePreparing(
  group: ClassicGroup,
  { member }: ClassicGroupInputs["memberExpired"],
): void {
  if (excuse(member)) return;
  expel(group, member.memberId);
  if (group.hasAllMembersJoined) completeJoin(group);
}

function expireAndRebalance(
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

function forgetPending(group: ClassicGroup, input: ClassicGroupInputs["pendingExpired"]): void {
  group.pendingJoin.delete(input.memberId);
}

function forgetPendingPreparing(
  group: ClassicGroup,
  input: ClassicGroupInputs["pendingExpired"],
): void {
  group.pendingJoin.delete(input.memberId);
  if (group.hasAllMembersJoined) completeJoin(group);
}

/** Members are called together so that those beyond the maximum fall away, with time for all to commit. */
function shrink(group: ClassicGroup): void {
  if (group.members.size > group.settings.maxSize) prepareRebalance(group);
}

function ignoreJoinDue(group: ClassicGroup): void {
  group.joinDeadline = NEVER;
}

function ignoreSyncDue(group: ClassicGroup): void {
  group.syncDeadline = NEVER;
}

function ignore(): void {}

function die(group: ClassicGroup, { error }: ClassicGroupInputs["unload"]): void {
  group.enter("Dead");
  group.pendingJoin.clear();
  group.joinDeadline = NEVER;
  group.syncDeadline = NEVER;
  for (const member of group.members) {
    member.sessionDeadline = NEVER;
    group.members.setJoinReply(member, null)?.(joinError(error, member.memberId));
    answerSync(member, syncError(error));
  }
}

// Checks and answers

function validateMember(
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

function validateGeneration(
  group: ClassicGroup,
  { memberId, groupInstanceId }: { memberId: string; groupInstanceId: string | null },
  generation: number,
): GroupErrorName {
  const error = validateMember(group, memberId, groupInstanceId);
  if (error !== "NONE") return error;
  return generation === group.generation ? "NONE" : "ILLEGAL_GENERATION";
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

function refuseSync(error: GroupErrorName): Cell<"sync"> {
  return (_, { reply }) => reply(syncError(error));
}

function answerSync(member: ClassicMember, answer: SyncGroupResult): void {
  const { syncReply } = member;
  member.syncReply = null;
  syncReply?.(answer);
}

function assignmentAnswer(group: ClassicGroup, member: ClassicMember): SyncGroupResult {
  return {
    error: "NONE",
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
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
