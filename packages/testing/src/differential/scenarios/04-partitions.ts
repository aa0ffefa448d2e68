import { createPartitions, listPartitionReassignments, type RequestInput } from "@ottla/protocol";
import type { Scenario } from "../session.ts";

type Topic = RequestInput<typeof createPartitions>["topics"][number];

export const partitions: Scenario = {
  name: "partitions",
  async run(session) {
    const request = (topics: Topic[], validateOnly = false) => ({
      topics,
      timeoutMs: 5000,
      validateOnly,
    });
    const grow = (
      name: string,
      count: number,
      assignments: Topic["assignments"] = null,
    ): Topic => ({
      name,
      count,
      assignments,
    });
    const name = session.named("growing");
    await session.topic(name, 1);
    await session.every("only validate", createPartitions, () => request([grow(name, 9)], true));
    await session.every("grow", createPartitions, (version) => request([grow(name, version + 2)]));
    await session.every("as it is", createPartitions, (version) =>
      request([grow(name, 5 + 0 * version)]),
    );
    await session.every("shrink", createPartitions, () => request([grow(name, 1)]));
    // More than 10,000 at once, not only validated, break Kafka's controller: not asked.
    const cases: Readonly<Record<string, Topic[]>> = {
      zero: [grow(name, 0)],
      negative: [grow(name, -1)],
      unknown: [grow(session.named("none"), 3)],
      "empty name": [grow("", 3)],
      "one name twice": [grow(name, 20), grow(name, 21)],
      nothing: [],
      "too few assignments": [grow(name, 8, [{ brokerIds: [1] }])],
      "unknown broker": [grow(name, 6, [{ brokerIds: [9] }])],
      "no brokers": [grow(name, 6, [{ brokerIds: [] }])],
      "one broker twice": [grow(name, 6, [{ brokerIds: [1, 1] }])],
      "given assignment": [grow(name, 6, [{ brokerIds: [1] }])],
    };
    for (const [label, topics] of Object.entries(cases)) {
      await session.send(label, createPartitions, 3, request(topics));
      await session.send(label, createPartitions, 0, request(topics, true));
    }
    await session.send("all reassignments", listPartitionReassignments, 0, { topics: null });
    await session.send("reassignments of some", listPartitionReassignments, 0, {
      topics: [
        { name, partitionIndexes: [0, 1, 99] },
        { name: session.named("none"), partitionIndexes: [0] },
      ],
    });
  },
};
