import type { JoinGroupProtocol, JoinGroupResult, SyncGroupResult } from "./group-types.ts";

export type JoinReply = (result: JoinGroupResult) => void;
export type SyncReply = (result: SyncGroupResult) => void;

/** No deadline: the member cannot expire, because it waits for us. */
export const NEVER = Number.POSITIVE_INFINITY;

export interface ClassicMemberFields {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly JoinGroupProtocol[];
  readonly assignment: Buffer;
}

/** How a static member that came back without a rebalance is to be answered once its new id is stored (CG10). */
export interface StaticRejoin {
  readonly leaderBefore: string;
  readonly supportsSkippingAssignment: boolean;
}

/** One member of a classic group: what it told us, and the requests it has parked here. */
export class ClassicMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly JoinGroupProtocol[];
  assignment: Buffer;
  /** Joined for the first time and not answered yet: it does not know its id, so it cannot send heartbeats. */
  isNew = false;
  joinReply: JoinReply | null = null;
  syncReply: SyncReply | null = null;
  staticRejoin: StaticRejoin | null = null;
  /** Monotonic time in ms. */
  sessionDeadline = NEVER;

  constructor(fields: ClassicMemberFields) {
    this.memberId = fields.memberId;
    this.groupInstanceId = fields.groupInstanceId;
    this.clientId = fields.clientId;
    this.clientHost = fields.clientHost;
    this.rebalanceTimeoutMs = fields.rebalanceTimeoutMs;
    this.sessionTimeoutMs = fields.sessionTimeoutMs;
    this.protocols = fields.protocols;
    this.assignment = fields.assignment;
  }

  /** Whether silence is no failure: the member waits for our answer. Not so for a new one, which may be gone (see `isNew`). */
  get isExcusedFromHeartbeat(): boolean {
    return !this.isNew && (this.joinReply !== null || this.syncReply !== null);
  }

  /** What the member said for a protocol; null when it does not support it. */
  metadata(protocol: string): Buffer | null {
    for (const supported of this.protocols) {
      if (supported.name === protocol) return supported.metadata;
    }
    return null;
  }

  /** Whether `protocols` is what the member said before, in the same order. */
  matches(protocols: readonly JoinGroupProtocol[]): boolean {
    if (protocols.length !== this.protocols.length) return false;
    for (const [index, protocol] of protocols.entries()) {
      const own = this.protocols[index]!;
      if (own.name !== protocol.name || !own.metadata.equals(protocol.metadata)) return false;
    }
    return true;
  }

  /** The first of its protocols that all members support (CG7); null when there is none. */
  vote(candidates: ReadonlySet<string>): string | null {
    for (const { name } of this.protocols) {
      if (candidates.has(name)) return name;
    }
    return null;
  }
}
