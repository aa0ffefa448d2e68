import type { Assignment } from "../subscription.ts";
import {
  AssignmentBuilder,
  type Assignor,
  type AssignorInput,
  compareText,
  inMemberOrder,
} from "./assignor.ts";

/** All partitions of all topics are dealt out like cards, passing over members that did not ask for the topic. */
export const roundRobinAssignor: Assignor = {
  name: "roundrobin",
  rebalance: "eager",
  assign(input: AssignorInput): ReadonlyMap<string, Assignment> {
    const members = inMemberOrder(input.members);
    const result = new AssignmentBuilder(members);
    const wanted = new Set(members.flatMap((member) => member.topics));
    let next = 0;
    for (const topic of [...input.partitionCounts.keys()].sort(compareText)) {
      if (!wanted.has(topic)) continue;
      const count = input.partitionCounts.get(topic)!;
      for (let partition = 0; partition < count; partition++) {
        while (!members[next]!.topics.includes(topic)) next = (next + 1) % members.length;
        result.add(members[next]!.memberId, topic, partition);
        next = (next + 1) % members.length;
      }
    }
    return result.build();
  },
};
