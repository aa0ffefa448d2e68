/**
 * Offsets of a group as CSV, in the form of Kafka's own tool, which reads and writes the same: `topic,partition,offset` a line, or with
 * the group in front where there are several.
 */
import type { TopicPartition } from "@ottla/client";
import { CommandFailure } from "../errors.ts";

export interface PlannedOffset extends TopicPartition {
  readonly offset: number;
}

/** The lines that concern the group. @throws {CommandFailure} for a line of another form, and when none is left */
export function parsePlan(text: string, groupId: string): readonly PlannedOffset[] {
  const offsets: PlannedOffset[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const fields = line.split(",").map((field) => field.trim().replace(/^"(.*)"$/, "$1"));
    const [offset, partition, topic, group = groupId] = fields.toReversed();
    const isWhole = [offset, partition].every((field) => /^\d{1,15}$/.test(field ?? ""));
    if (!topic || !isWhole || fields.length > 4) {
      throw new CommandFailure(`line ${index + 1} of the plan is not topic,partition,offset`, {
        hints: [`"group reset ${groupId} --all-topics --to-current --export" prints such a plan.`],
      });
    }
    if (group === groupId) {
      offsets.push({ topic, partition: Number(partition), offset: Number(offset) });
    }
  }
  if (offsets.length > 0) return offsets;
  throw new CommandFailure(`the plan has nothing for group "${groupId}"`);
}

export function planText(offsets: readonly PlannedOffset[]): string {
  return offsets
    .map(({ topic, partition, offset }) => `${topic},${partition},${offset}\n`)
    .join("");
}
