import { inOrder } from "../cluster/groups.ts";
import { clusterOptions } from "../cluster/options.ts";
import { topicWord } from "../cluster/topic-pattern.ts";
import { existingTopics } from "../cluster/topics.ts";
import { withClient } from "../cluster/with-client.ts";
import { defineCommand } from "../command-line/command.ts";
import { anyArguments, repeated } from "../command-line/option.ts";
import { integer } from "../command-line/value.ts";
import { print } from "../output/document.ts";
import { table } from "../output/table.ts";
import { bytes, count } from "../output/units.ts";

export const logDirs = defineCommand({
  description: "The folders that brokers keep their data in, and what each partition takes there.",
  arguments: [anyArguments("TOPIC", "Only these topics, or those like orders-*", topicWord)],
  options: {
    broker: repeated(integer({ min: 0 }), { about: "Only this broker", placeholder: "ID" }),
    ...clusterOptions,
  },
  examples: [
    { about: "What takes the space", line: "log-dirs" },
    { about: "What a topic takes", line: "log-dirs orders --output json" },
  ],
  async run({ arguments: [words], options }, context) {
    return await withClient(options, context, async (client) => {
      const { orThrow } = await import("@ottla/client");
      const only =
        words.length === 0
          ? null
          : (await existingTopics(client, words)).flatMap(({ name, partitions }) =>
              partitions.map(({ partition }) => ({ topic: name, partition })),
            );
      const dirs = await client.admin.describeLogDirs(
        options.broker.length === 0 ? null : options.broker,
        only === null ? {} : { partitions: only },
      );
      const found = dirs
        .map((dir) => ({
          brokerId: dir.brokerId,
          path: dir.path,
          error: dir.error?.error ?? null,
          /** Null where the broker does not say. */
          totalBytes: dir.totalBytes < 0 ? null : dir.totalBytes,
          usableBytes: dir.usableBytes < 0 ? null : dir.usableBytes,
          partitions: [...dir.partitions].sort(inOrder),
        }))
        .sort((a, b) => a.brokerId - b.brokerId || (a.path < b.path ? -1 : 1));
      await print(context, options.output, { logDirs: found }, () => found.map(textOf).join("\n"));
      orThrow(dirs);
      return undefined;
    });
  },
});

interface FoundDir {
  readonly brokerId: number;
  readonly path: string;
  readonly error: string | null;
  readonly totalBytes: number | null;
  readonly usableBytes: number | null;
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly sizeBytes: number;
    readonly offsetLag: number;
    readonly isFuture: boolean;
  }[];
}

function textOf({ brokerId, path, error, totalBytes, usableBytes, partitions }: FoundDir): string {
  const sum = partitions.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const volume =
    totalBytes === null || usableBytes === null
      ? ""
      : `, ${bytes(usableBytes)} of ${bytes(totalBytes)} free`;
  const head = `broker ${brokerId}, ${path}: ${error ?? `${bytes(sum)}${volume}`}\n`;
  if (partitions.length === 0) return head;
  const hasLag = partitions.some(({ offsetLag, isFuture }) => offsetLag > 0 || isFuture);
  return (
    head +
    table(
      [
        { title: "topic", cell: (row) => row.topic },
        { title: "partition", align: "right", cell: (row) => row.partition },
        { title: "size", align: "right", cell: (row) => bytes(row.sizeBytes) },
        ...(hasLag
          ? [
              {
                title: "lag",
                align: "right",
                cell: (row: FoundDir["partitions"][number]) => count(row.offsetLag),
              } as const,
              {
                title: "moving here",
                cell: (row: FoundDir["partitions"][number]) => (row.isFuture ? "yes" : null),
              },
            ]
          : []),
      ],
      partitions,
    )
  );
}
