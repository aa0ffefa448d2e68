import type { Assignment, PartitionsByTopic } from "../subscription.ts";
import type { Assignor, AssignorInput } from "./assignor.ts";
import { assignSticky, subtractPartitions } from "./sticky.ts";

/**
 * Sticky assignment in two rounds (KIP-429): a partition that changes hands is in nobody's assignment in the first round; its owner
 * gives it up and rejoins, and the second round, which finds it unowned, hands it on. So members never stop on what they keep.
 */
export const cooperativeStickyAssignor: Assignor = {
  name: "cooperative-sticky",
  rebalance: "cooperative",
  /** The generation, for leaders that speak subscription versions below 2 and look for it here. */
  userData(_owned: PartitionsByTopic, generation: number): Buffer {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32BE(generation);
    return bytes;
  },
  assign(input: AssignorInput): ReadonlyMap<string, Assignment> {
    const target = assignSticky(input);
    const beingRevoked = new Map<string, Set<number>>();
    for (const member of input.members) {
      const revoked = subtractPartitions(member.ownedPartitions, target.get(member.memberId)!);
      for (const [topic, partitions] of revoked) {
        const set = beingRevoked.get(topic) ?? new Set();
        for (const partition of partitions) set.add(partition);
        beingRevoked.set(topic, set);
      }
    }
    const result = new Map<string, Assignment>();
    for (const member of input.members) {
      const partitions = new Map<string, number[]>();
      for (const [topic, assigned] of target.get(member.memberId)!) {
        const owned = new Set(member.ownedPartitions.get(topic) ?? []);
        const revoked = beingRevoked.get(topic);
        const now = assigned.filter((p) => owned.has(p) || revoked?.has(p) !== true);
        if (now.length > 0) partitions.set(topic, now);
      }
      result.set(member.memberId, { partitions, userData: null });
    }
    return result;
  },
};
