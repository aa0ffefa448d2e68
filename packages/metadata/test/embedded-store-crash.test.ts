import assert from "node:assert/strict";
import { it } from "node:test";
import { LocalLogEngine } from "@ottla/log";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import { EmbeddedMetadataStore } from "../src/embedded-store.ts";
import type { Topic } from "../src/store.ts";

const RUNS = 40;
const CRASHES_PER_RUN = 4;
const KIB = 1024;

/** What was answered, and what may or may not have happened when the machine crashed. */
interface Expected {
  topics: Map<string, Topic>;
  unknown: Set<string>;
  nextProducerId: number;
  clusterId: string | null;
}

for (let seed = 1; seed <= RUNS; seed++) {
  it(`IP8 AD1: what was answered survives crashes at any operation, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const expected: Expected = {
      topics: new Map(),
      unknown: new Set(),
      nextProducerId: 0,
      clusterId: null,
    };
    let disk = new SimulatedFileSystem({ random });
    await disk.makeDirectory("/data");
    await disk.syncDirectory("/");
    for (let crash = 0; crash < CRASHES_PER_RUN; crash++) {
      disk.crashAt(1 + random.integer(crash === 0 ? 120 : 200));
      // A run that ends by itself before the crash goes on with the next.
      await changeUntilCrash(disk, random, expected).catch((error: Error) => {
        assert.ok(disk.isCrashed, error.stack);
      });
      disk = disk.crash();
      await check(disk, random, expected);
      disk = disk.crash();
    }
  });
}

async function changeUntilCrash(
  disk: SimulatedFileSystem,
  random: SeededRandom,
  expected: Expected,
): Promise<void> {
  const { engine, store } = await open(disk, random);
  expected.clusterId ??= store.image.clusterId;
  try {
    for (let step = 0; step < 40; step++) {
      await Promise.all([
        change(store, random, expected),
        change(store, random, expected),
        allocate(store, expected),
      ]);
    }
  } finally {
    await store.close().catch(() => {});
    await engine.close().catch(() => {});
  }
}

async function change(
  store: EmbeddedMetadataStore,
  random: SeededRandom,
  expected: Expected,
): Promise<void> {
  const name = `t${random.integer(12)}`;
  if (expected.unknown.has(name)) {
    return; // Another change of it is under way.
  }
  const topic = expected.topics.get(name);
  expected.unknown.add(name);
  if (topic === undefined) {
    const configs = new Map([["retention.ms", "5"]]);
    const created = { name, isInternal: false, replicas: [[1]], configs };
    expected.topics.set(name, await store.createTopic(created));
  } else if (random.integer(2) === 0) {
    await store.deleteTopic(topic.topicId);
    expected.topics.delete(name);
  } else {
    const replicas = [...topic.replicas, [1]];
    expected.topics.set(name, await store.growTopic(topic.topicId, () => replicas));
  }
  expected.unknown.delete(name);
}

async function allocate(store: EmbeddedMetadataStore, expected: Expected): Promise<void> {
  const { first, count } = await store.allocateProducerIds();
  assert.ok(first >= expected.nextProducerId, `${first} was given out before`);
  expected.nextProducerId = first + count;
}

async function check(
  disk: SimulatedFileSystem,
  random: SeededRandom,
  expected: Expected,
): Promise<void> {
  const { engine, store } = await open(disk, random);
  const { image } = store;
  if (expected.clusterId !== null) {
    assert.equal(image.clusterId, expected.clusterId);
  }
  for (let i = 0; i < 12; i++) {
    const name = `t${i}`;
    const found = image.topic(name);
    if (!expected.unknown.has(name)) {
      assert.deepEqual(found, expected.topics.get(name) ?? null);
    }
    // What is there now must stay: it has been shown.
    if (found === null) {
      expected.topics.delete(name);
    } else {
      expected.topics.set(name, found);
      assert.equal(image.configs({ type: "topic", name }).get("retention.ms"), "5");
    }
  }
  expected.unknown.clear();
  expected.clusterId = image.clusterId;
  await allocate(store, expected);
  await store.close();
  await engine.close();
}

async function open(disk: SimulatedFileSystem, random: SeededRandom) {
  const clock = new SimulatedClock();
  const engine = await LocalLogEngine.open({
    fileSystem: disk,
    directory: "/data/log",
    clock,
    random,
    journalFirstFileBytes: 256 * KIB,
    journalFileBytes: 256 * KIB,
    journalMaxBytes: 1024 * KIB,
    journalBufferBytes: 64 * KIB,
  });
  const store = await EmbeddedMetadataStore.open({
    engine,
    fileSystem: disk,
    directory: "/data/metadata",
    random,
    clock,
    minRecordsBetweenSnapshots: 20,
  });
  return { engine, store };
}
