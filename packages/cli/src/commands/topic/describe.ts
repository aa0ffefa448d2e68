import type { Client, TopicDescription } from "@ottla/client";
import { clusterOptions } from "../../cluster/options.ts";
import { topicWord } from "../../cluster/topic-pattern.ts";
import { existingTopics } from "../../cluster/topics.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { flag, someArguments } from "../../command-line/option.ts";
import { print } from "../../output/document.ts";
import { fields, table } from "../../output/table.ts";
import { count } from "../../output/units.ts";

export const describeTopics = defineCommand({
  arguments: [someArguments("TOPIC", "Name of a topic, or a pattern such as orders-*", topicWord)],
  options: {
    allConfigs: flag({ about: "All settings, not only those that differ from the defaults" }),
    ...clusterOptions,
  },
  examples: [{ about: "Everything about a topic", line: "topic describe orders --all-configs" }],
  async run({ arguments: [names], options }, context) {
    return await withClient(options, context, async (client) => {
      const topics = await existingTopics(client, names);
      const described = await describe(client, topics, options.allConfigs);
      await print(context, options.output, { topics: described }, () =>
        described.map(textOf).join("\n"),
      );
      return undefined;
    });
  },
});

interface Described {
  readonly name: string;
  readonly topicId: string;
  readonly internal: boolean;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string | null>>;
  readonly partitions: readonly {
    readonly partition: number;
    readonly leader: number | null;
    readonly replicas: readonly number[];
    readonly isr: readonly number[];
    /** Null while the partition has no leader to ask. */
    readonly startOffset: number | null;
    readonly endOffset: number | null;
  }[];
}

async function describe(
  { admin }: Client,
  topics: readonly TopicDescription[],
  allConfigs: boolean,
): Promise<readonly Described[]> {
  const led = topics.flatMap(({ name, partitions }) =>
    partitions.flatMap(({ partition, leader }) => (leader < 0 ? [] : [{ topic: name, partition }])),
  );
  const [configs, offsets] = await Promise.all([
    admin.describeConfigs(topics.map(({ name }) => ({ type: "topic", name }))),
    admin.listOffsets(
      led.flatMap((each) => [
        { ...each, at: "earliest" as const },
        { ...each, at: "latest" as const },
      ]),
    ),
  ]);
  const places = new Map<string, readonly (number | null)[]>();
  for (const [index, { topic, partition }] of led.entries()) {
    const both = [offsets[2 * index]!, offsets[2 * index + 1]!];
    places.set(
      `${topic}/${partition}`,
      both.map(({ offset, error }) => (error === null ? offset : null)),
    );
  }
  return topics.map(({ name, topicId, isInternal, partitions }) => {
    const own = configs.find((resource) => resource.name === name);
    if (own?.error) throw own.error;
    return {
      name,
      topicId,
      internal: isInternal,
      replicationFactor: partitions[0]?.replicas.length ?? 0,
      configs: Object.fromEntries(
        (own?.entries ?? [])
          .filter(({ source }) => allConfigs || source === "topic")
          .sort((a, b) => (a.name < b.name ? -1 : 1))
          .map((entry) => [entry.name, entry.value]),
      ),
      partitions: partitions.map(({ partition, leader, replicas, isr }) => {
        const [startOffset, endOffset] = places.get(`${name}/${partition}`) ?? [];
        return {
          partition,
          leader: leader < 0 ? null : leader,
          replicas,
          isr,
          startOffset: startOffset ?? null,
          endOffset: endOffset ?? null,
        };
      }),
    };
  });
}

function textOf({ name, topicId, replicationFactor, configs, partitions }: Described): string {
  const settings = Object.entries(configs).map(([key, value]) => `${key}=${value ?? "(hidden)"}`);
  const total = partitions.reduce(
    (sum, { startOffset, endOffset }) => sum + (endOffset ?? 0) - (startOffset ?? 0),
    0,
  );
  return (
    fields([
      ["Topic", name],
      ["Id", topicId],
      ["Partitions", partitions.length],
      ["Replication factor", replicationFactor],
      ["Offsets in use", count(total)],
      [
        "Settings",
        settings.length === 0 ? "all by default" : settings.join("\n                    "),
      ],
    ]) +
    table(
      [
        { title: "partition", align: "right", cell: (row) => row.partition },
        { title: "leader", align: "right", cell: (row) => row.leader },
        { title: "replicas", cell: (row) => row.replicas.join(",") },
        { title: "in sync", cell: (row) => row.isr.join(",") },
        { title: "start", align: "right", cell: (row) => row.startOffset },
        { title: "end", align: "right", cell: (row) => row.endOffset },
      ],
      partitions,
    )
  );
}
