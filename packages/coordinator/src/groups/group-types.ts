/**
 * What goes into and comes out of the membership side of the coordinator. Names are the wire's, versions are gone: the caller fills
 * what an old version lacks with the value that the field's doc gives, and drops what it cannot carry.
 */
import type { GroupErrorName } from "../errors.ts";

/** States of a classic group (CG1); the strings are what DescribeGroups and ListGroups carry. */
export type ClassicGroupState =
  | "Empty"
  | "PreparingRebalance"
  | "CompletingRebalance"
  | "Stable"
  | "Dead";

/** One assignment strategy that a member supports, with what it wants the leader to know. */
export interface JoinGroupProtocol {
  readonly name: string;
  /** Borrowed for the call. */
  readonly metadata: Buffer;
}

export interface JoinGroupRequest {
  readonly groupId: string;
  /** Empty at the first join. */
  readonly memberId: string;
  /** null for a dynamic member and below v5. */
  readonly groupInstanceId: string | null;
  readonly protocolType: string;
  readonly protocols: readonly JoinGroupProtocol[];
  readonly sessionTimeoutMs: number;
  /** −1 below v1: the session timeout then stands in. */
  readonly rebalanceTimeoutMs: number;
  /** null below v8. */
  readonly reason: string | null;
  /** Client id of the request header, empty when null. Member ids begin with it. */
  readonly clientId: string;
  /** Peer address as Kafka prints it: `/127.0.0.1`. */
  readonly clientHost: string;
  /** From v4 a dynamic member must ask again with the id it was given (KIP-394). */
  readonly requiresKnownMemberId: boolean;
  /** From v9 a rejoining static leader is told not to assign again (KIP-814). */
  readonly supportsSkippingAssignment: boolean;
}

export interface JoinGroupResult {
  readonly error: GroupErrorName;
  /** −1 on error. */
  readonly generationId: number;
  readonly protocolType: string | null;
  /** Mostly empty on error, null when the member was unknown or fenced; below v7 the wire carries null as an empty string. */
  readonly protocolName: string | null;
  /** Member id of the leader, empty on error. */
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  /** All members for the leader, none for others. */
  readonly members: readonly JoinGroupResultMember[];
}

export interface JoinGroupResultMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Buffer;
}

export interface SyncGroupRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  /** null below v3. */
  readonly groupInstanceId: string | null;
  /** null below v5, as is the next. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** From the leader; empty from others. Their bytes are borrowed for the call. */
  readonly assignments: readonly SyncGroupAssignment[];
}

export interface SyncGroupAssignment {
  readonly memberId: string;
  readonly assignment: Buffer;
}

export interface SyncGroupResult {
  readonly error: GroupErrorName;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** Empty on error. */
  readonly assignment: Buffer;
}

export interface HeartbeatRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  /** null below v3. */
  readonly groupInstanceId: string | null;
}

export interface LeaveGroupRequest {
  readonly groupId: string;
  /** One below v3. An empty member id with an instance id removes that static member (admin). */
  readonly members: readonly LeavingMember[];
}

export interface LeavingMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly reason: string | null;
}

export interface LeaveGroupResult {
  /** About the whole request. Below v3 the wire carries this, or else the error of the only member. */
  readonly error: GroupErrorName;
  readonly members: readonly LeftMember[];
}

export interface LeftMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly error: GroupErrorName;
}

export interface DescribedGroup {
  readonly groupId: string;
  /** GROUP_ID_NOT_FOUND for an unknown group, which below v6 the wire carries as NONE; `groupState` is "Dead" either way. */
  readonly error: GroupErrorName;
  /** null when there is nothing to say; for v6. */
  readonly errorMessage: string | null;
  /** Empty on an error other than GROUP_ID_NOT_FOUND. */
  readonly groupState: ClassicGroupState | "";
  readonly protocolType: string;
  /** The chosen strategy; empty unless the group is stable. */
  readonly protocolData: string;
  readonly members: readonly DescribedMember[];
}

export interface DescribedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Empty unless the group is stable. */
  readonly memberMetadata: Buffer;
  /** That of the generation before while a rebalance is going on. */
  readonly memberAssignment: Buffer;
}

export interface ListGroupsFilter {
  /** Group states to list, in any case; empty for all. */
  readonly statesFilter: readonly string[];
  /** Group types to list (`classic`), in any case; empty for all. */
  readonly typesFilter: readonly string[];
}

export interface ListGroupsResult {
  /** COORDINATOR_LOAD_IN_PROGRESS while shards are still loading, with what is known so far. */
  readonly error: GroupErrorName;
  readonly groups: readonly ListedGroup[];
}

export interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: ClassicGroupState;
  readonly groupType: "classic";
}

export interface DeletedGroup {
  readonly groupId: string;
  readonly error: GroupErrorName;
}
