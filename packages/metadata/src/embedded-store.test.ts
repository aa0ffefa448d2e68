import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LocalLogEngine } from "@ottla/log";
import { MemoryFileSystem, SeededRandom, SimulatedClock } from "@ottla/platform";
import { EmbeddedMetadataStore, type EmbeddedStoreOptions } from "./embedded-store.ts";
import { MetadataLogFailed } from "./errors.ts";
import type { MetadataLog } from "./metadata-log.ts";
import { decodeMetadataRecord, encodeMetadataRecord } from "./metadata-records.ts";
import { SNAPSHOT_FILE } from "./metadata-snapshot.ts";
import { metadataStoreContract } from "./testing/metadata-store-contract.ts";
import { newUuid } from "./uuid.ts";

const DIRECTORY = "/data/metadata";

metadataStoreContract("EmbeddedMetadataStore", async () => {
  const fileSystem = new MemoryFileSystem();
  const clock = new SimulatedClock();
  const random = new SeededRandom(1);
  const openEngine = () =>
    LocalLogEngine.open({ fileSystem, directory: "/data/log", clock, random });
  let engine = await openEngine();
  const openStore = () =>
    EmbeddedMetadataStore.open({ engine, fileSystem, directory: DIRECTORY, random, clock });
  let store = await openStore();
  const close = async () => {
    await store.close();
    await engine.close();
  };
  const reopen = async () => {
    await close();
    engine = await openEngine();
    store = await openStore();
    return store;
  };
  return { store, reopen, close };
});

describe("EmbeddedMetadataStore", () => {
  /** A log in memory that counts and may fail. */
  class TestLog implements MetadataLog {
    startOffset = 0;
    readonly records: Buffer[] = [];
    appends = 0;
    replayed = 0;
    failNext = false;

    get endOffset(): number {
      return this.records.length;
    }

    async append(records: readonly Buffer[]): Promise<number> {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.failNext) {
        this.failNext = false;
        throw new MetadataLogFailed("no");
      }
      this.appends += 1;
      this.records.push(...records);
      return this.records.length;
    }

    async replay(offset: number, visit: (record: Buffer) => void): Promise<void> {
      assert.ok(offset >= this.startOffset);
      for (const record of this.records.slice(offset)) {
        this.replayed += 1;
        visit(record);
      }
    }

    async trim(offset: number): Promise<void> {
      this.startOffset = offset;
    }
  }

  function harness(options: Partial<EmbeddedStoreOptions> = {}) {
    const log = new TestLog();
    const fileSystem = options.fileSystem ?? new MemoryFileSystem();
    const open = () =>
      EmbeddedMetadataStore.open(
        {
          engine: null as never,
          fileSystem,
          directory: DIRECTORY,
          random: new SeededRandom(1),
          clock: new SimulatedClock(),
          minRecordsBetweenSnapshots: 20,
          ...options,
        },
        log,
      );
    return { log, fileSystem, open };
  }

  const topicNamed = (name: string) => ({
    name,
    isInternal: false,
    replicas: [[1]],
    configs: new Map<string, string>(),
  });

  it("shares an append among changes asked for at once", async () => {
    const { log, open } = harness({ minRecordsBetweenSnapshots: 10_000 });
    const store = await open();
    const before = log.appends;
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => store.createTopic(topicNamed(`t${i}`))),
    );
    assert.equal(store.image.topicCount, 500);
    assert.equal(log.appends - before, 1);
  });

  it("a change whose append fails has not happened, and the next one can", async () => {
    const { log, open } = harness();
    const store = await open();
    log.failNext = true;
    const failed = await Promise.allSettled([
      store.createTopic(topicNamed("a")),
      store.createTopic(topicNamed("b")),
      store.createTopic(topicNamed("a")),
    ]);
    const errors = failed.map((result) => (result as PromiseRejectedResult).reason);
    // The last one too: the topic that was in its way never came to be.
    for (const error of errors) assert.ok(error instanceof MetadataLogFailed);
    assert.equal(store.image.topicCount, 0);
    await store.createTopic(topicNamed("a"));
    assert.equal((await open()).image.topicCount, 1);
  });

  it("replays little at start, however long the history", async () => {
    const { log, open } = harness();
    const store = await open();
    for (let i = 0; i < 300; i++) {
      const { topicId } = await store.createTopic(topicNamed(`t${i % 7}`));
      await store.deleteTopic(topicId);
    }
    await store.createTopic(topicNamed("last"));
    const { clusterId } = store.image;
    await store.close();
    assert.ok(log.startOffset > 500, `starts at ${log.startOffset}`);
    log.replayed = 0;
    const again = await open();
    assert.ok(log.replayed <= 40, `${log.replayed} replayed`);
    assert.deepEqual(
      [...again.image.topics()].map((topic) => topic.name),
      ["last"],
    );
    assert.equal(again.image.clusterId, clusterId);
  });

  it("goes on when a snapshot fails, and tells", async () => {
    const failures: Error[] = [];
    const fileSystem = new MemoryFileSystem();
    fileSystem.writeFileAtomic = async () => {
      throw new Error("disk");
    };
    const onSnapshotFailure = (error: Error) => failures.push(error);
    const { open } = harness({ fileSystem, onSnapshotFailure });
    const store = await open();
    for (let i = 0; i < 50; i++) {
      await store.allocateProducerIds();
    }
    await store.close();
    assert.ok(failures.length > 0);
    assert.equal((await (await open()).allocateProducerIds()).first, 50_000);
  });

  it("refuses a damaged snapshot and a log that lacks what the snapshot does not cover", async () => {
    const { log, fileSystem, open } = harness();
    const store = await open();
    for (let i = 0; i < 30; i++) {
      await store.allocateProducerIds();
    }
    await store.close();
    const path = `${DIRECTORY}/${SNAPSHOT_FILE}`;
    const good = (await fileSystem.readFile(path))!;
    const bad = Buffer.from(good);
    bad[20]! ^= 1;
    await fileSystem.writeFileAtomic(path, bad);
    await assert.rejects(open(), /checksum/);
    await fileSystem.remove(path);
    assert.ok(log.startOffset > 0);
    await assert.rejects(open(), /covers only/);
  });

  it("keeps what the snapshot holds when the log has lost its end, and new changes after it", async () => {
    const { log, open } = harness();
    const store = await open();
    for (let i = 0; i < 40; i++) {
      await store.allocateProducerIds();
    }
    await store.close();
    log.records.length = 3;
    log.startOffset = 0;
    const { first } = await (await open()).allocateProducerIds();
    assert.ok(first >= 30_000, String(first));
    const again = await (await open()).allocateProducerIds();
    assert.equal(again.first, first + 1000);
  });

  it("takes the cluster id it is given at the first start only", async () => {
    const first = harness({ clusterId: "abcdefghijklmnopqrstuQ" });
    assert.equal((await first.open()).image.clusterId, "abcdefghijklmnopqrstuQ");
    const { open } = harness();
    const store = await open();
    assert.notEqual(store.image.clusterId, "abcdefghijklmnopqrstuQ");
  });

  it("gotcha 3: finalizes what a release brings with the first flush, and later only what is new", async () => {
    const { log, open } = harness({ features: new Map([["a.version", 2]]) });
    const store = await open();
    assert.equal(log.appends, 1);
    assert.equal(store.image.features.get("a.version"), 2);
    await store.finalizeFeatures(new Map([["a.version", 0]]));
    await store.close();
    const reopened = await open();
    assert.equal(log.appends, 2);
    assert.equal(reopened.image.features.get("a.version"), 0);
  });
});

describe("metadata records", () => {
  it("keep their bytes: yesterday's log is read tomorrow", () => {
    const record = {
      kind: "topicCreated",
      topicId: "abcdefghijklmnopqrstuQ",
      name: "ä",
      isInternal: false,
      replicas: [[1, 2]],
    } as const;
    const bytes = encodeMetadataRecord(record);
    assert.equal(
      bytes.toString("latin1"),
      '\0\x02\0\0{"topicId":"abcdefghijklmnopqrstuQ","name":"Ã¤","isInternal":false,"replicas":[[1,2]]}',
    );
    assert.deepEqual(decodeMetadataRecord(bytes), record);
    const features = { kind: "featuresFinalized", epoch: 3, levels: [["a.version", 1]] } as const;
    assert.equal(
      encodeMetadataRecord(features).toString("latin1"),
      '\0\x07\0\0{"epoch":3,"levels":[["a.version",1]]}',
    );
    const replicas = { kind: "replicasAssigned", topicId: "x", replicas: [[1]] } as const;
    assert.equal(
      encodeMetadataRecord(replicas).toString("latin1"),
      '\0\x08\0\0{"topicId":"x","replicas":[[1]]}',
    );
  });

  it("of a newer release, or damaged, are refused", () => {
    assert.throws(
      () => decodeMetadataRecord(Buffer.from("\0\x63\0\0{}", "latin1")),
      /newer release/,
    );
    assert.throws(
      () => decodeMetadataRecord(Buffer.from("\0\x02\0\x09{}", "latin1")),
      /newer release/,
    );
    assert.throws(
      () => decodeMetadataRecord(Buffer.from("\0\x02\0\0{", "latin1")),
      MetadataLogFailed,
    );
    assert.throws(() => decodeMetadataRecord(Buffer.alloc(3)), MetadataLogFailed);
  });
});

it("new ids are UUIDs that no command line takes for an option", () => {
  const random = new SeededRandom(1);
  const ids = Array.from({ length: 500 }, () => newUuid(random));
  assert.equal(new Set(ids).size, 500);
  for (const id of ids) {
    assert.match(id, /^[A-Za-z0-9_][A-Za-z0-9_-]{20}[AQgw]$/);
  }
});
