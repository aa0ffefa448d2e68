/** Where reading starts, as the user says it, and what that is in each partition. */
import type { AssignedPartition, Client, IsolationLevel, TopicPartition } from "@ottla/client";
import { InvalidValue, instant, type Parse } from "../command-line/value.ts";

export type StartPoint =
  | { readonly kind: "beginning" }
  | { readonly kind: "end" }
  | { readonly kind: "offset"; readonly offset: number }
  /** So many before the end of each partition. */
  | { readonly kind: "last"; readonly records: number }
  | { readonly kind: "time"; readonly timestampMs: number };

export const startPoint: Parse<StartPoint> = (raw) => {
  if (raw === "beginning" || raw === "earliest") return { kind: "beginning" };
  if (raw === "end" || raw === "latest") return { kind: "end" };
  if (/^\d{1,15}$/.test(raw)) return { kind: "offset", offset: Number(raw) };
  if (/^-\d{1,15}$/.test(raw)) return { kind: "last", records: -Number(raw) };
  try {
    return { kind: "time", timestampMs: instant(raw) };
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    throw new InvalidValue(
      `takes beginning, end, an offset, -N or a time such as 2026-01-31T10:00:00Z, not "${raw}"`,
    );
  }
};

/** The offset to start at in each partition. */
export async function startOffsets(
  client: Client,
  partitions: readonly TopicPartition[],
  start: StartPoint,
  isolationLevel: IsolationLevel,
): Promise<readonly Required<AssignedPartition>[]> {
  const { orThrow } = await import("@ottla/client");
  const list = async (at: "earliest" | "latest" | number) => {
    const queries = partitions.map(({ topic, partition }) => ({ topic, partition, at }));
    const listed = orThrow(await client.admin.listOffsets(queries, { isolationLevel }));
    return listed.map(({ offset }) => offset);
  };
  const at = (offsets: readonly number[]) =>
    partitions.map(({ topic, partition }, index) => ({
      topic,
      partition,
      offset: offsets[index]!,
    }));
  switch (start.kind) {
    case "beginning":
      return at(await list("earliest"));
    case "end":
      return at(await list("latest"));
    case "offset":
      return at(partitions.map(() => start.offset));
    case "last": {
      const [first, end] = await Promise.all([list("earliest"), list("latest")]);
      return at(end.map((offset, index) => Math.max(first[index]!, offset - start.records)));
    }
    case "time": {
      const [found, end] = await Promise.all([list(start.timestampMs), list("latest")]);
      // Without a record that late, what comes next is the first one.
      return at(found.map((offset, index) => (offset < 0 ? end[index]! : offset)));
    }
  }
}
