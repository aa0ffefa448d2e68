import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TopicExists, TopicNotFound } from "../errors.ts";
import type { MetadataStore, NewTopic } from "../store.ts";

/** A store over fresh storage, and the means to close and open it again over the same. */
export interface StoreUnderTest {
  readonly store: MetadataStore;
  /** Closes the current store and opens another over what it left. */
  reopen(): Promise<MetadataStore>;
  close(): Promise<void>;
}

/** What every {@link MetadataStore} does. */
export function metadataStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  /** Runs `body` on a fresh store. */
  const on = (body: (subject: StoreUnderTest) => Promise<void>) => async () => {
    const subject = await open();
    try {
      await body(subject);
    } finally {
      await subject.close();
    }
  };

  describe(`${name} as a MetadataStore`, () => {
    it(
      "has a cluster id from the first start on",
      on(async ({ store, reopen }) => {
        const { clusterId } = store.image;
        assert.match(clusterId, /^[A-Za-z0-9_-]{22}$/);
        assert.equal((await reopen()).image.clusterId, clusterId);
      }),
    );

    it(
      "gotcha 3: finalizes features under an epoch that only grows",
      on(async ({ store, reopen }) => {
        const before = store.image.featuresEpoch;
        await store.finalizeFeatures(
          new Map([
            ["a.version", 1],
            ["b.version", 2],
          ]),
        );
        const first = store.image.featuresEpoch;
        assert.ok(first > before);
        await store.finalizeFeatures(new Map([["a.version", 1]]));
        assert.equal(store.image.featuresEpoch, first);
        await store.finalizeFeatures(new Map([["b.version", 0]]));
        assert.ok(store.image.featuresEpoch > first);
        for (const { image } of [store, await reopen()]) {
          assert.equal(image.features.get("a.version"), 1);
          assert.equal(image.features.get("b.version"), 0);
          assert.equal(image.featuresEpoch, store.image.featuresEpoch);
        }
      }),
    );

    it(
      "places partitions anew, behind the changes under way",
      on(async ({ store, reopen }) => {
        const { topicId } = await store.createTopic(topicNamed("a", { replicas: [[1], [2]] }));
        const grown = store.growTopic(topicId, () => [[1], [2], [3]]);
        const move = (moved: number, to: number) =>
          store.assignReplicas(topicId, ({ replicas }) =>
            replicas.map((before, partition) => (partition === moved ? [to] : before)),
          );
        await Promise.all([grown, move(0, 2), move(1, 1)]);
        for (const { image } of [store, await reopen()]) {
          assert.deepEqual(image.topic("a")?.replicas, [[2], [1], [3]]);
          assert.deepEqual(image.topicById(topicId)?.replicas, [[2], [1], [3]]);
        }
        await assert.rejects(store.assignReplicas("AAAAAAAAAAAAAAAAAAAAAA", () => []));
      }),
    );

    it(
      "AD1: creates topics, with an id that is new, its own or none",
      on(async ({ store, reopen }) => {
        const a = await store.createTopic(
          topicNamed("a", {
            replicas: [
              [1, 2],
              [2, 1],
            ],
          }),
        );
        assert.match(a.topicId, /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
        const given = "abcdefghijklmnopqrstuQ";
        const b = await store.createTopic(topicNamed("b", { topicId: given, isInternal: true }));
        assert.equal(b.topicId, given);
        for (const { image } of [store, await reopen()]) {
          assert.deepEqual(image.topic("a"), a);
          assert.deepEqual(image.topicById(given), b);
          assert.equal(image.topicCount, 2);
          assert.equal(image.topic("c"), null);
          assert.equal(image.topicById("AAAAAAAAAAAAAAAAAAAAAA"), null);
        }
      }),
    );

    it(
      "AD1: refuses a name that is taken, also by a change still under way",
      on(async ({ store }) => {
        const results = await Promise.allSettled([
          store.createTopic(topicNamed("a")),
          store.createTopic(topicNamed("a")),
          store.createTopic(topicNamed("b")),
        ]);
        assert.deepEqual(
          results.map((result) => result.status),
          ["fulfilled", "rejected", "fulfilled"],
        );
        await assert.rejects(store.createTopic(topicNamed("b")), TopicExists);
      }),
    );

    it(
      "AD2: frees the name of a deleted topic at once, and its configs with it",
      on(async ({ store, reopen }) => {
        const first = await store.createTopic(
          topicNamed("a", { configs: { "retention.ms": "1" } }),
        );
        assert.deepEqual(await store.deleteTopic(first.topicId), first);
        assert.equal(store.image.topic("a"), null);
        await assert.rejects(store.deleteTopic(first.topicId), TopicNotFound);
        const second = await store.createTopic(topicNamed("a"));
        assert.notEqual(second.topicId, first.topicId);
        for (const { image } of [store, await reopen()]) {
          assert.equal(image.topicById(first.topicId), null);
          assert.equal(image.configs({ type: "topic", name: "a" }).size, 0);
          assert.equal(image.topicCount, 1);
        }
      }),
    );

    it(
      "AD3: only ever adds partitions",
      on(async ({ store, reopen }) => {
        const { topicId } = await store.createTopic(topicNamed("a", { replicas: [[1]] }));
        const grown = await store.growTopic(topicId, () => [[9], [2], [3]]);
        assert.deepEqual(grown.replicas, [[1], [2], [3]]);
        assert.deepEqual(await store.growTopic(topicId, () => [[1]]), grown);
        assert.deepEqual((await reopen()).image.topic("a"), grown);
        await assert.rejects(store.growTopic("AAAAAAAAAAAAAAAAAAAAAA", () => [[1]]));
      }),
    );

    it(
      "AD3: works out growth behind the changes under way, and fails with what that throws",
      on(async ({ store }) => {
        const { topicId } = await store.createTopic(topicNamed("a"));
        const refusal = new Error("as many already");
        const grow = () =>
          store.growTopic(topicId, ({ replicas }) => {
            if (replicas.length >= 3) throw refusal;
            return [...replicas, [7]];
          });
        await assert.rejects(Promise.all([grow(), grow(), grow()]), refusal);
        assert.deepEqual(store.image.topic("a")?.replicas, [[1], [7], [7]]);
      }),
    );

    it(
      "sets and removes configs of topics, brokers, groups and subscriptions",
      on(async ({ store, reopen }) => {
        await store.createTopic(topicNamed("a", { configs: { x: "1" } }));
        const topic = { type: "topic", name: "a" } as const;
        await store.alterConfigs(topic, changes({ x: null, y: "2", z: "" }));
        await store.alterConfigs({ type: "broker", name: "" }, changes({ all: "1" }));
        await store.alterConfigs({ type: "broker", name: "1" }, changes({ one: "1" }));
        await store.alterConfigs({ type: "group", name: "g:h" }, changes({ k: "v", gone: null }));
        await store.alterConfigs({ type: "client-metrics", name: "m" }, changes({ k: "v" }));
        await store.alterConfigs({ type: "client-metrics", name: "m" }, changes({ k: null }));
        for (const { image } of [store, await reopen()]) {
          assert.deepEqual(Object.fromEntries(image.configs(topic)), { y: "2", z: "" });
          assert.deepEqual([...image.configuredResources("broker")].sort(), ["", "1"]);
          assert.deepEqual([...image.configuredResources("group")], ["g:h"]);
          assert.deepEqual([...image.configuredResources("client-metrics")], []);
          assert.equal(image.configs({ type: "group", name: "other" }).size, 0);
        }
      }),
    );

    it(
      "AD6: works out configs behind the changes under way, and fails with what that throws",
      on(async ({ store }) => {
        const group = { type: "group", name: "g" } as const;
        const refusal = new Error("enough");
        const append = (text: string) =>
          store.alterConfigs(group, (current) => {
            const before = current.get("list") ?? "";
            if (before.length >= 2) throw refusal;
            return new Map([["list", before + text]]);
          });
        await assert.rejects(Promise.all([append("a"), append("b"), append("c")]), refusal);
        assert.deepEqual([...store.image.configs(group)], [["list", "ab"]]);
      }),
    );

    it(
      "refuses configs of a topic that is not there",
      on(async ({ store }) => {
        const change = store.alterConfigs({ type: "topic", name: "no" }, changes({ x: "1" }));
        await assert.rejects(change, TopicNotFound);
      }),
    );

    it(
      "IP8: never gives a producer id twice, across restarts too",
      on(async ({ store, reopen }) => {
        const blocks = await Promise.all([
          store.allocateProducerIds(),
          store.allocateProducerIds(),
        ]);
        const again = await reopen();
        blocks.push(await again.allocateProducerIds());
        let next = 0;
        for (const { first, count } of blocks) {
          assert.ok(first >= next && count > 0);
          next = first + count;
        }
      }),
    );

    it(
      "never changes an image that was handed out, and shows a change once it is answered",
      on(async ({ store }) => {
        const before = store.image;
        const a = await store.createTopic(topicNamed("a"));
        const between = store.image;
        await store.alterConfigs({ type: "topic", name: "a" }, changes({ x: "1" }));
        await store.deleteTopic(a.topicId);
        assert.equal(before.topicCount, 0);
        assert.equal(before.topic("a"), null);
        assert.deepEqual(between.topic("a"), a);
        assert.equal(between.configs({ type: "topic", name: "a" }).size, 0);
        assert.deepEqual([...between.topics()], [a]);
        assert.equal(store.image.topicCount, 0);
      }),
    );

    it(
      "lists topics by name",
      on(async ({ store, reopen }) => {
        const names = ["b", "a.b", "Z", "a_b", "a"];
        await Promise.all(names.map((one) => store.createTopic(topicNamed(one))));
        for (const { image } of [store, await reopen()]) {
          assert.deepEqual(
            [...image.topics()].map((topic) => topic.name),
            ["Z", "a", "a.b", "a_b", "b"],
          );
        }
      }),
    );

    it(
      "refuses changes once closed",
      on(async ({ store }) => {
        await store.close();
        await store.close();
        await assert.rejects(store.createTopic(topicNamed("a")));
      }),
    );
  });
}

function topicNamed(
  name: string,
  rest: {
    topicId?: string;
    isInternal?: boolean;
    replicas?: number[][];
    configs?: Record<string, string>;
  } = {},
): NewTopic {
  return {
    name,
    isInternal: rest.isInternal ?? false,
    replicas: rest.replicas ?? [[1]],
    configs: new Map(Object.entries(rest.configs ?? {})),
    ...(rest.topicId === undefined ? {} : { topicId: rest.topicId }),
  };
}

function changes(pairs: Record<string, string | null>): () => Map<string, string | null> {
  return () => new Map(Object.entries(pairs));
}
