import { describeTopicPartitions, metadata, ZERO_UUID } from "@ottla/protocol";
import type { Scenario } from "../session.ts";

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAEg";

export const metadataScenario: Scenario = {
  name: "metadata",
  async run(session) {
    const one = session.named("one");
    const two = session.named("two");
    const oneId = await session.topic(one, 1);
    await session.topic(two, 3);
    const ours = <T extends { readonly topics: readonly { readonly name: string | null }[] }>(
      body: T,
    ): unknown => ({
      ...body,
      topics: body.topics.filter(({ name }) => name?.startsWith(session.scenario)),
    });

    await session.every("two topics", metadata, () => ({ topics: [{ name: one }, { name: two }] }));
    await session.every(
      "all topics",
      metadata,
      (version) => ({ topics: version === 0 ? [] : null }),
      {
        pick: ours,
      },
    );
    await session.every("no topics", metadata, (version) =>
      version === 0 ? null : { topics: [] },
    );
    await session.every("one topic twice", metadata, () => ({
      topics: [{ name: one }, { name: one }],
    }));
    await session.every("authorized operations", metadata, (version) =>
      version < 8
        ? null
        : {
            topics: [{ name: one }],
            includeTopicAuthorizedOperations: true,
            ...(version <= 10 ? { includeClusterAuthorizedOperations: true } : {}),
          },
    );
    await session.every("unknown without auto-creation", metadata, (version) =>
      version < 4
        ? null
        : { topics: [{ name: session.named("none") }], allowAutoTopicCreation: false },
    );
    for (const [what, name] of [
      ["empty", ""],
      ["dots", ".."],
      ["slash", "a/b"],
      ["space", "a b"],
      ["too long", "x".repeat(250)],
    ] as const) {
      await session.every(`bad name, ${what}`, metadata, () => ({ topics: [{ name }] }));
    }

    for (const version of [0, 1, 4, 9, 12, 13]) {
      const name = session.named(`auto-${version}`);
      await session.send("auto-creation, first answer", metadata, version, { topics: [{ name }] });
      await session.leaders(name, 1);
      await session.send("auto-creation, later answer", metadata, version, { topics: [{ name }] });
    }
    await session.send("auto-creation of a colliding name", metadata, 12, {
      topics: [{ name: `${session.named("auto").replace("-", ".")}` }],
      allowAutoTopicCreation: false,
    });

    for (const version of [10, 11, 12, 13]) {
      await session.send("by id", metadata, version, {
        topics: [{ topicId: oneId, name: null }],
        allowAutoTopicCreation: false,
      });
      await session.send("by unknown id", metadata, version, {
        topics: [{ topicId: UNKNOWN_ID, name: null }],
        allowAutoTopicCreation: false,
      });
      await session.send("zero id and no name", metadata, version, {
        topics: [{ topicId: ZERO_UUID, name: null }],
        allowAutoTopicCreation: false,
      });
      await session.send("id and name", metadata, version, {
        topics: [{ topicId: oneId, name: one }],
        allowAutoTopicCreation: false,
      });
    }

    const page = (
      label: string,
      limit: number,
      cursor: [string, number] | null,
    ): Promise<unknown> =>
      session.send(
        label,
        describeTopicPartitions,
        0,
        {
          topics: [{ name: two }, { name: one }, { name: session.named("none") }],
          responsePartitionLimit: limit,
          cursor: cursor === null ? null : { topicName: cursor[0], partitionIndex: cursor[1] },
        },
        {},
      );
    await page("describe partitions", 2000, null);
    await page("describe partitions, two a page", 2, null);
    await page("describe partitions, from a cursor", 2, [two, 1]);
    await page("describe partitions, cursor past the end", 2, [`${two}z`, 0]);
    await page("describe partitions, negative cursor", 2, [two, -1]);
    await page("describe partitions, limit 0", 0, null);
    await session.send(
      "describe partitions of every topic",
      describeTopicPartitions,
      0,
      { topics: [] },
      {
        pick: ours,
      },
    );
  },
};
