/** Where a group is moved to, as the user says it, and what that is in each partition. */
import type { Client, TopicPartition } from "@ottla/client";
import { flag, optional, type ValuesOf } from "../command-line/option.ts";
import { durationMs, instant, integer, text } from "../command-line/value.ts";
import { CommandFailure, UsageFailure } from "../errors.ts";
import { type Bounds, boundsOf, inOrder } from "./groups.ts";
import type { PlannedOffset } from "./offset-plan.ts";
import { PartitionMap } from "./partitions.ts";

export const targetOptions = {
  toEarliest: flag({ about: "To the first record there is" }),
  toLatest: flag({ about: "To the end: skip everything there is" }),
  toCurrent: flag({
    about: "To where it is, or to the end where it has committed nothing: for plans",
  }),
  toOffset: optional(integer({ min: 0 }), { about: "To this offset", placeholder: "OFFSET" }),
  toDatetime: optional(instant, {
    about: "To the first record at or after a time such as 2026-01-31T10:00:00Z",
    placeholder: "TIME",
  }),
  byDuration: optional(durationMs, {
    about: "To the first record that is not older than PT90M or 1h30m",
    placeholder: "DURATION",
  }),
  shiftBy: optional(integer(), {
    about: "Forward by N from where it is, or back with -N",
    placeholder: "N",
  }),
  fromFile: optional(text, {
    about: "To the offsets of a plan: lines of topic,partition,offset, as --export prints them",
    placeholder: "FILE",
  }),
};

export type ResetTarget =
  | { readonly kind: "earliest" | "latest" | "current" }
  | { readonly kind: "offset"; readonly offset: number }
  | { readonly kind: "time"; readonly timestampMs: number }
  | { readonly kind: "shift"; readonly by: number }
  | { readonly kind: "plan"; readonly path: string };

/** @throws {UsageFailure} unless exactly one is given */
export function resetTarget(options: ValuesOf<typeof targetOptions>, nowMs: number): ResetTarget {
  const { toOffset, toDatetime, byDuration, shiftBy, fromFile } = options;
  const targets: ResetTarget[] = [
    ...(options.toEarliest ? [{ kind: "earliest" } as const] : []),
    ...(options.toLatest ? [{ kind: "latest" } as const] : []),
    ...(options.toCurrent ? [{ kind: "current" } as const] : []),
    ...(toOffset === null ? [] : [{ kind: "offset", offset: toOffset } as const]),
    ...(toDatetime === null ? [] : [{ kind: "time", timestampMs: toDatetime } as const]),
    ...(byDuration === null
      ? []
      : [{ kind: "time", timestampMs: Math.max(0, nowMs - byDuration) } as const]),
    ...(shiftBy === null ? [] : [{ kind: "shift", by: shiftBy } as const]),
    ...(fromFile === null ? [] : [{ kind: "plan", path: fromFile } as const]),
  ];
  const [target] = targets;
  if (target !== undefined && targets.length === 1) return target;
  throw new UsageFailure(
    "say where to, once: --to-earliest, --to-latest, --to-current, --to-offset, --to-datetime, --by-duration, --shift-by or --from-file",
  );
}

export interface Move extends TopicPartition {
  readonly committedOffset: number | null;
  readonly newOffset: number;
}

export interface MoveOptions {
  readonly partitions: readonly TopicPartition[];
  readonly committed: PartitionMap<number>;
  readonly target: ResetTarget;
  /** What a plan says; empty for other targets. */
  readonly planned: readonly PlannedOffset[];
}

/** In order. Offsets outside a partition are taken to its nearest end. */
export async function plannedMoves(client: Client, options: MoveOptions): Promise<readonly Move[]> {
  const { partitions, committed, target } = options;
  const bounds = await boundsOf(client, partitions);
  const found = await offsetsAtTime(client, partitions, target);
  const planned = new PartitionMap(options.planned.map((each) => [each, each.offset]));
  return [...partitions].sort(inOrder).map(({ topic, partition }) => {
    const place = { topic, partition };
    const own = bounds.get(place);
    if (own === undefined) {
      throw new CommandFailure(`${topic}[${partition}] cannot be asked for its offsets`, {
        hints: ["If it is gone, name the topics that are there with --topic."],
      });
    }
    const committedOffset = committed.get(place) ?? null;
    if (target.kind === "shift" && committedOffset === null) {
      throw new CommandFailure(
        `cannot shift ${topic}[${partition}]: the group has committed nothing there`,
      );
    }
    const chosen = found.get(place) ?? planned.get(place);
    const wanted = wantedOffset(target, own, committedOffset, chosen);
    return { ...place, committedOffset, newOffset: Math.min(Math.max(wanted, own.start), own.end) };
  });
}

function wantedOffset(
  target: ResetTarget,
  { start, end }: Bounds,
  committed: number | null,
  /** By its time or by the plan. */
  chosen: number | undefined,
): number {
  switch (target.kind) {
    case "earliest":
      return start;
    case "latest":
      return end;
    case "current":
      return committed ?? end;
    case "offset":
      return target.offset;
    case "time":
    case "plan":
      return chosen ?? end;
    case "shift":
      return (committed ?? start) + target.by;
  }
}

/** The first offsets at or after the time; none where nothing is that late. */
async function offsetsAtTime(
  { admin }: Client,
  partitions: readonly TopicPartition[],
  target: ResetTarget,
): Promise<PartitionMap<number>> {
  if (target.kind !== "time") return new PartitionMap();
  const { orThrow } = await import("@ottla/client");
  const at = target.timestampMs;
  const listed = orThrow(
    await admin.listOffsets(partitions.map(({ topic, partition }) => ({ topic, partition, at }))),
  );
  return new PartitionMap(
    listed.filter(({ offset }) => offset >= 0).map((each) => [each, each.offset]),
  );
}
