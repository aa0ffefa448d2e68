/**
 * The total transition table of a classic group; the states are drawn in classic-group.ts. Each cell is what Apache
 * Kafka does with that event in that state. Three differences, none of which a client depends on: a request that is overtaken by a
 * second one of the same member, or whose member is removed, is answered (Kafka drops it); a member that is refused for the size
 * of the group does not hold up those who are in; Join and Sync that are answered at once also count as heartbeats.
 */
import { answerSync, joinError, syncError } from "./classic-answers.ts";
import type { Cell, ClassicGroupEvent, ClassicGroupInputs } from "./classic-events.ts";
import type { ClassicGroup } from "./classic-group.ts";
import {
  answerStaticRejoins,
  failStaticRejoins,
  joinAsNew,
  rejoinCompleting,
  rejoinEmpty,
  rejoinPreparing,
  rejoinStable,
} from "./classic-joining.ts";
import { NEVER } from "./classic-member.ts";
import { concludeJoin, shrink } from "./classic-rebalance.ts";
import {
  commitAsMember,
  commitCompleting,
  commitInTransaction,
  commitToEmpty,
  expireAndRebalance,
  expirePreparing,
  forgetPending,
  forgetPendingPreparing,
  heartbeatMember,
  heartbeatPreparing,
  leaveAndRebalance,
  leaveEmpty,
  leavePreparing,
} from "./classic-staying.ts";
import {
  becomeStable,
  failSync,
  refuseSync,
  removeUnsynced,
  syncCompleting,
  syncPreparing,
  syncStable,
} from "./classic-syncing.ts";
import type { ClassicGroupState } from "./group-types.ts";

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
    transactionalCommit: commitToEmpty,
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
    transactionalCommit: commitInTransaction,
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
    transactionalCommit: commitInTransaction,
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
    transactionalCommit: commitInTransaction,
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
    transactionalCommit: () => "COORDINATOR_NOT_AVAILABLE",
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
