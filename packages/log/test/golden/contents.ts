import { config, topicId } from "../../src/test-support.ts";

export const id = topicId(1);
export const topic = {
  topicId: id,
  name: "golden",
  partitions: 2,
  config: { ...config, segmentBytes: 3000, indexIntervalBytes: 500, retentionMs: -1 },
};

/** What the golden holds, in the order in which it was appended. */
export function contents(): readonly { readonly partition: number; readonly value: string }[] {
  return Array.from({ length: 40 }, (_, i) => ({
    partition: i % 3 === 0 ? 1 : 0,
    value: `golden ${i} ${"x".repeat((i * 37) % 300)}`,
  }));
}
