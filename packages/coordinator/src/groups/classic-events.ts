/** The events of a classic group: what each brings along, and what it is answered with. */

import type { GroupErrorName } from "../errors.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { ClassicMember, JoinReply, SyncReply } from "./classic-member.ts";
import type {
  HeartbeatRequest,
  JoinGroupRequest,
  LeaveGroupRequest,
  LeaveGroupResult,
  SyncGroupRequest,
} from "./group-types.ts";
import type { GroupMetadata } from "./records/group-metadata.ts";

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
  /** May these credentials commit offsets in a transaction? */
  transactionalCommit: CommitCredentials;
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
  transactionalCommit: GroupErrorName;
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

export type Cell<Event extends ClassicGroupEvent> = (
  group: ClassicGroup,
  input: ClassicGroupInputs[Event],
) => ClassicGroupOutput<Event>;
