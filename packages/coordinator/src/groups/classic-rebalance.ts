/** The join phase of a classic group: calling everybody together, waiting, and going on with those who came. */

import type { GroupErrorName } from "../errors.ts";
import { answerSync, joinedAnswer, syncError } from "./classic-answers.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { NEVER } from "./classic-member.ts";

const EMPTY = Buffer.alloc(0);

/**
 * The least time that members have to sync, and between two looks at whether somebody has rejoined. Clients that send a rebalance timeout of 0
 * (KafkaJS does when none is configured) would otherwise be out before their SyncGroup can arrive; in Kafka that is a race.
 */
const MIN_WAIT_MS = 1_000;

export function rebalanceOrCompleteJoin(group: ClassicGroup): void {
  if (group.state === "PreparingRebalance") completeJoinIfReady(group);
  else prepareRebalance(group);
}

/** Calls everybody together (CG1). From Empty the first rebalance waits for more members to come (CG2). */
export function prepareRebalance(group: ClassicGroup): void {
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
export function completeJoinIfReady(group: ClassicGroup): void {
  if (group.initialDelay === null && group.hasAllMembersJoined) completeJoin(group);
}

/** Time is up: put the first rebalance off once more when somebody came (CG2), otherwise go on with those who are there (CG5). */
export function concludeJoin(group: ClassicGroup): void {
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
export function completeJoin(group: ClassicGroup): void {
  const { members } = group;
  group.joinDeadline = NEVER;
  for (const member of members) {
    if (member.joinReply === null && member.groupInstanceId === null) {
      members.remove(member.memberId);
    }
  }
  if (members.size > 0 && !members.electJoinedLeader()) {
    group.joinDeadline = group.deadlineIn(Math.max(members.rebalanceTimeoutMs(), MIN_WAIT_MS));
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
  group.syncDeadline = group.deadlineIn(Math.max(members.rebalanceTimeoutMs(), MIN_WAIT_MS));
}

export function abandonSync(group: ClassicGroup, error: GroupErrorName): void {
  group.storingGeneration = -1;
  for (const member of group.members) {
    member.assignment = EMPTY;
    if (member.syncReply === null) continue;
    group.touch(member);
    answerSync(member, syncError(error));
  }
}

/** Members are called together so that those beyond the maximum fall away, with time for all to commit. */
export function shrink(group: ClassicGroup): void {
  if (group.members.size > group.settings.maxSize) prepareRebalance(group);
}
