/**
 * What the broker reads from its log is lent to it, and is lost to the engine when it is not given back. Here whoever reads goes away at
 * every point of a fetch, or the broker starts and reads for itself; then nothing is lent any more.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startBroker } from "@ottla/broker";
import { LocalLogEngine, type ReadResult } from "@ottla/log";
import { fetch, findCoordinator, offsetCommit } from "@ottla/protocol";
import { append, batch, create, Peer } from "./peer.ts";

const CONSUMERS = 24;
/** More than there is. */
const NEVER = 1_000_000_000;
const VALUE = "v".repeat(250_000);
/** More than a socket takes from us while nobody reads on the other side. */
const BATCHES = 40;
const LIMITS = { timeout: 10_000 };

test("a consumer that gives up a long poll leaves nothing behind", LIMITS, async (t) => {
  const reads = countReads(t);
  await using broker = await startBroker({ storage: "memory" });
  await using admin = await Peer.connect(broker.port);
  await create(admin, "polled");
  await append(admin, "polled", batch([VALUE]));
  for (let consumer = 1; consumer <= CONSUMERS; consumer++) {
    await using peer = await Peer.connect(broker.port);
    peer.tell(fetch, 11, fetchBody("polled", { maxWaitMs: 30_000, minBytes: NEVER }));
    await until(t, () => reads.started === consumer);
    await turn();
    assert.equal(reads.finished, consumer - 1, "it waits");
  }
  await until(t, () => reads.finished === CONSUMERS && reads.lent === 0);
  assert.equal(reads.lentInAll, CONSUMERS);
});

test(
  "a consumer that does not take its answers leaves nothing behind when it goes away",
  LIMITS,
  async (t) => {
    const reads = countReads(t);
    await using broker = await startBroker({ storage: "memory" });
    await using admin = await Peer.connect(broker.port);
    await create(admin, "large");
    for (let n = 0; n < BATCHES; n++) await append(admin, "large", batch([VALUE, VALUE]));
    for (let consumer = 1; consumer <= 4; consumer++) {
      await using peer = await Peer.connect(broker.port);
      peer.pause();
      peer.tell(fetch, 11, fetchBody("large", { maxWaitMs: 0, minBytes: 1 }));
      await until(t, () => reads.finished === consumer);
      for (let turns = 0; turns < 10; turns++) await turn();
      assert.equal(reads.lent, 1, "the socket has not taken it all");
      await peer[Symbol.asyncDispose]();
      await until(t, () => reads.lent === 0);
    }
  },
);

test("a broker that starts gives back what it reads of its own", LIMITS, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-given-back-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const layers = [new Map([["log.dirs", directory]])];
  {
    await using broker = await startBroker({ layers });
    await using peer = await Peer.connect(broker.port);
    await create(peer, "committed");
    await peer.ask(findCoordinator, 3, { key: "g", keyType: 0 });
    const answer = await peer.ask(offsetCommit, 8, {
      groupId: "g",
      memberId: "",
      topics: [
        {
          name: "committed",
          partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }],
        },
      ],
    });
    assert.equal(answer.topics[0]!.partitions[0]!.errorCode, 0);
  }
  const reads = countReads(t);
  await using _broker = await startBroker({ layers });
  // Its metadata before it answers anyone, and the offsets of groups in the background.
  await until(t, () => reads.lentInAll >= 2 && reads.lent === 0);
});

interface Reads {
  started: number;
  finished: number;
  /** Results that were lent and not given back. */
  lent: number;
  lentInAll: number;
}

/** Counts what engines lend from here on. */
function countReads(t: TestContext): Reads {
  const reads: Reads = { started: 0, finished: 0, lent: 0, lentInAll: 0 };
  const { read } = LocalLogEngine.prototype;
  t.mock.method(
    LocalLogEngine.prototype,
    "read",
    async function (this: LocalLogEngine, request: Parameters<typeof read>[0]) {
      reads.started++;
      const results = await read.call(this, request);
      reads.finished++;
      return results.map((result) => counted(result, reads));
    },
  );
  return reads;
}

function counted(result: ReadResult, reads: Reads): ReadResult {
  const { release } = result;
  if (release === null) return result;
  reads.lent++;
  reads.lentInAll++;
  let isLent = true;
  return {
    ...result,
    release: () => {
      assert.ok(isLent, "given back twice");
      isLent = false;
      reads.lent--;
      release();
    },
  };
}

function fetchBody(topic: string, wait: { readonly maxWaitMs: number; readonly minBytes: number }) {
  const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 50_000_000 };
  return {
    ...wait,
    maxBytes: 50_000_000,
    topics: [{ topic, partitions: [partition] }],
    forgottenTopicsData: [],
  };
}

async function until({ signal }: TestContext, holds: () => boolean): Promise<void> {
  while (!holds()) {
    signal.throwIfAborted();
    await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
