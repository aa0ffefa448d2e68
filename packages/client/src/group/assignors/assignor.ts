/** How partitions are shared out within a classic group. The group's leader runs it; every member names the assignors it accepts. */
import type { Assignment, PartitionsByTopic, Subscription } from "../subscription.ts";

/** One member as its group's leader sees it. */
export interface GroupMember extends Subscription {
  readonly memberId: string;
  /** The static member's own name (KIP-345), or null. */
  readonly groupInstanceId: string | null;
}

export interface AssignorInput {
  /** Partition counts of all the topics any member asked for and that exist. */
  readonly partitionCounts: ReadonlyMap<string, number>;
  readonly members: readonly GroupMember[];
}

export interface Assignor {
  /** The name members agree on. Equal names must mean equal semantics, whatever the language of the client. */
  readonly name: string;
  /**
   * `eager` members give everything up before they rejoin; `cooperative` ones keep what they have and give up only what the new
   * assignment takes away, in a second round (KIP-429).
   */
  readonly rebalance: "eager" | "cooperative";
  /** Bytes to send to the leader with the subscription, asked before every join. */
  userData?(owned: PartitionsByTopic, generation: number): Buffer | null;
  /** Called on the leader, for single-member groups too. Every member must have an entry in the answer. */
  assign(input: AssignorInput): ReadonlyMap<string, Assignment>;
  /** Called on every member with what it got, user data included. */
  onAssignment?(assignment: Assignment, generation: number): void;
}

/** Members in the order Java's assignors use: static ones by instance id first, then the others by member id. */
export function inMemberOrder(members: readonly GroupMember[]): GroupMember[] {
  return [...members].sort((a, b) => {
    if (a.groupInstanceId !== null && b.groupInstanceId !== null) {
      return compareText(a.groupInstanceId, b.groupInstanceId);
    }
    if (a.groupInstanceId !== null) return -1;
    if (b.groupInstanceId !== null) return 1;
    return compareText(a.memberId, b.memberId);
  });
}

/** UTF-16 order, as Java compares strings; independent of locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Partition lists by topic under construction, one per member. */
export class AssignmentBuilder {
  readonly #byMember = new Map<string, Map<string, number[]>>();

  constructor(members: readonly GroupMember[]) {
    for (const member of members) this.#byMember.set(member.memberId, new Map());
  }

  add(memberId: string, topic: string, partition: number): void {
    const topics = this.#byMember.get(memberId)!;
    const partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, [partition]);
    else partitions.push(partition);
  }

  build(): Map<string, Assignment> {
    const result = new Map<string, Assignment>();
    for (const [memberId, partitions] of this.#byMember) {
      result.set(memberId, { partitions, userData: null });
    }
    return result;
  }
}
