import type { Assignment } from "../subscription.ts";
import {
  AssignmentBuilder,
  type Assignor,
  type AssignorInput,
  compareText,
  inMemberOrder,
} from "./assignor.ts";

/**
 * Topic by topic, each subscriber gets one contiguous range; the first ones get one more where it does not come out even. Topics with
 * equal partition counts and subscribers are assigned alike, which is what joins by key need.
 */
export const rangeAssignor: Assignor = {
  name: "range",
  rebalance: "eager",
  assign(input: AssignorInput): ReadonlyMap<string, Assignment> {
    const members = inMemberOrder(input.members);
    const result = new AssignmentBuilder(members);
    for (const topic of [...input.partitionCounts.keys()].sort(compareText)) {
      const count = input.partitionCounts.get(topic)!;
      const subscribers = members.filter((member) => member.topics.includes(topic));
      if (subscribers.length === 0) continue;
      const share = Math.floor(count / subscribers.length);
      const extra = count % subscribers.length;
      let partition = 0;
      for (const [index, subscriber] of subscribers.entries()) {
        const end = partition + share + (index < extra ? 1 : 0);
        for (; partition < end; partition++) result.add(subscriber.memberId, topic, partition);
      }
    }
    return result.build();
  },
};
