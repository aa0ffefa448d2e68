/** kcat as a reader: what librdkafka sees of a topic. */
import { runOrThrow } from "../process/child.ts";
import { waitFor } from "../wait.ts";

export interface KcatRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
}

export interface KcatReadOptions {
  readonly isolation?: "read_committed" | "read_uncommitted";
}

/** Everything in a topic up to its end, partition by partition in the order of offsets. */
export async function readWithKcat(
  bootstrap: string,
  topic: string,
  { isolation = "read_committed" }: KcatReadOptions = {},
): Promise<KcatRecord[]> {
  const { stdout } = await runOrThrow(
    "kcat",
    [
      ...["-b", bootstrap, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"],
      ...["-X", `isolation.level=${isolation}`, "-X", "fetch.wait.max.ms=50"],
    ],
    { timeoutMs: 60_000 },
  );
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .map(({ partition, offset, key, payload }) => ({ partition, offset, key, value: payload }))
    .sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

/** Reads a topic again and again until it holds at least this many records; gives what it holds then. */
export async function readAtLeast(
  bootstrap: string,
  topic: string,
  count: number,
  timeoutMs = 90_000,
): Promise<KcatRecord[]> {
  return await waitFor(
    async () => {
      const records = await readWithKcat(bootstrap, topic);
      return records.length >= count ? records : null;
    },
    { what: `${count} records in ${topic}`, timeoutMs, everyMs: 200 },
  );
}
