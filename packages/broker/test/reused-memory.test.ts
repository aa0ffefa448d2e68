/**
 * Memory of sockets, requests, batches and reads is used again. Here all of it is small and turns over constantly, below connections that
 * produce and read what can be checked byte by byte: each record says who wrote it, where, and as which one.
 *
 * More runs: OTTLA_RUNS. A run again: OTTLA_SEED. `OTTLA_POISON=1` overwrites memory when it is given back.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "@ottla/broker";
import { SeededRandom } from "@ottla/platform";
import {
  BatchWalker,
  baseOffset,
  decodeResponse,
  fetch,
  isBatchCrcValid,
  produce,
  RecordCursor,
} from "@ottla/protocol";
import { batch, create, Peer, produceBody } from "./peer.ts";

const RUNS = Number(process.env.OTTLA_RUNS ?? 1);
const FIRST_SEED = Number(process.env.OTTLA_SEED ?? 1);
const PARTITIONS = 4;
const PRODUCERS = 6;
const READERS = 6;
const ROUNDS = 30;
const TOPICS = [
  { name: "plain", configs: {} },
  { name: "stamped", configs: { "message.timestamp.type": "LogAppendTime" } },
  { name: "packed", configs: { "compression.type": "gzip" } },
] as const;

const SMALL = {
  tailBytes: 131_072,
  readBytes: 65_536,
  journalBufferBytes: 65_536,
  journalFirstFileBytes: 262_144,
  journalFileBytes: 524_288,
  journalMaxBytes: 4_194_304,
  checkpointBytes: 524_288,
  segmentWriteBytes: 32_768,
} as const;

/** What the records of a partition are, by what their producers were told: text by offset. */
type Acknowledged = Map<string, Map<number, string>>;

for (const storage of ["memory", "disk"] as const) {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
    test(`every byte is its owner's, in ${storage} (seed ${seed})`, async () => {
      const directory = await mkdtemp(join(tmpdir(), "ottla-reused-"));
      try {
        await run(storage, directory, seed);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    });
  }
}

async function run(storage: "memory" | "disk", directory: string, seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const layers = [
    new Map([
      ["log.dirs", directory],
      ["queued.max.request.bytes", "600000"],
    ]),
  ];
  const options = storage === "memory" ? { storage } : {};
  const known: Acknowledged = new Map();
  {
    await using broker = await startBroker({ ...options, layers, log: SMALL });
    await using admin = await Peer.connect(broker.port);
    for (const { name, configs } of TOPICS) {
      await create(admin, name, { partitions: PARTITIONS, configs });
    }
    const progress = { left: PRODUCERS };
    const work: Promise<void>[] = [];
    for (let index = 0; index < PRODUCERS; index++) {
      work.push(
        produceAll(broker.port, index, new SeededRandom(random.integer(2 ** 31)), known).finally(
          () => {
            progress.left--;
          },
        ),
      );
    }
    for (let index = 0; index < READERS; index++) {
      work.push(readAll(broker.port, new SeededRandom(random.integer(2 ** 31)), progress));
    }
    await Promise.all(work);
    await verify(broker.port, known);
  }
  if (storage === "memory") return;
  await using again = await startBroker({ layers, log: SMALL });
  await verify(again.port, known);
}

/** Sends requests, several at a time, and now and then goes away in the middle of one. */
async function produceAll(
  port: number,
  producer: number,
  random: SeededRandom,
  known: Acknowledged,
): Promise<void> {
  let peer = await Peer.connect(port);
  for (let round = 0; round < ROUNDS; round++) {
    const sent: { topic: string; partition: number; values: string[]; acks: number }[] = [];
    for (let count = 1 + random.integer(5); count > 0; count--) {
      const topic = TOPICS[random.integer(TOPICS.length)]!.name;
      const partition = random.integer(PARTITIONS);
      const values = valuesOf(`${producer}.${round}.${count}/${topic}/${partition}`, random);
      const acks = random.integer(10) === 0 ? 0 : -1;
      sent.push({ topic, partition, values, acks });
      peer.tell(produce, 9, produceBody(topic, partition, batch(values), acks));
    }
    if (random.integer(8) === 0) {
      const half = Buffer.alloc(20_000, 0xee);
      half.writeInt32BE(60_000);
      half.writeInt16BE(0, 4);
      if (random.integer(2) === 0) peer.send(half);
      await peer[Symbol.asyncDispose]();
      peer = await Peer.connect(port);
      continue;
    }
    for (const { topic, partition, values, acks } of sent) {
      if (acks === 0) continue;
      const answer = decodeProduced(await peer.frame());
      assert.equal(answer.errorCode, 0);
      remember(known, topic, partition, answer.baseOffset, values);
    }
  }
  await peer[Symbol.asyncDispose]();
}

/** Reads from anywhere; sometimes slowly, sometimes not to the end. */
async function readAll(
  port: number,
  random: SeededRandom,
  progress: { readonly left: number },
): Promise<void> {
  let peer = await Peer.connect(port);
  const ends = new Map<string, number>();
  while (progress.left > 0) {
    const topic = TOPICS[random.integer(TOPICS.length)]!.name;
    const partition = random.integer(PARTITIONS);
    const place = `${topic}/${partition}`;
    const offset = random.integer((ends.get(place) ?? 0) + 1);
    const isSlow = random.integer(4) === 0;
    if (isSlow) peer.pause();
    peer.tell(fetch, 11, fetchBody(topic, partition, offset, random.integer(200_000)));
    if (random.integer(10) === 0) {
      await peer[Symbol.asyncDispose]();
      peer = await Peer.connect(port);
      continue;
    }
    if (isSlow) {
      for (let turns = random.integer(40); turns > 0; turns--) await turn();
      peer.resume();
    }
    const answer = decodeFetched(await peer.frame());
    if (answer.errorCode !== 0) continue;
    ends.set(place, answer.highWatermark);
    for (const [, text] of recordsOf(answer.records ?? Buffer.alloc(0))) checkText(text, place);
  }
  await peer[Symbol.asyncDispose]();
}

function decodeProduced(frame: Buffer | null) {
  assert.ok(frame !== null, "the connection was closed");
  return decodeResponse(produce, 9, frame).body.responses[0]!.partitionResponses[0]!;
}

function decodeFetched(frame: Buffer | null) {
  assert.ok(frame !== null, "the connection was closed");
  return decodeResponse(fetch, 11, frame).body.responses[0]!.partitions[0]!;
}

/** Records that say what they are from the first byte to the last. */
function valuesOf(name: string, random: SeededRandom): string[] {
  return Array.from({ length: 1 + random.integer(4) }, (_, index) =>
    `<${name}#${index}>`.repeat(1 + random.integer(random.integer(6) === 0 ? 900 : 60)),
  );
}

function checkText(text: string, place: string): void {
  const unit = text.slice(0, text.indexOf(">") + 1);
  assert.ok(unit.includes(`/${place}#`), `${text.slice(0, 80)} in ${place}`);
  assert.ok(text === unit.repeat(text.length / unit.length), `bytes of others behind ${unit}`);
}

/** Offset and text of each record of whole batches, each of them held against its CRC. */
function* recordsOf(records: Buffer): Generator<[number, string]> {
  const walker = new BatchWalker(records);
  while (walker.next()) {
    const one = records.subarray(walker.position, walker.position + walker.size);
    assert.ok(isBatchCrcValid(one, 0), `CRC of the batch at ${baseOffset(one, 0)}`);
    const cursor = new RecordCursor();
    cursor.start(one, 0);
    while (cursor.next()) {
      const { offset, buffer, valueStart, valueEnd } = cursor;
      yield [offset, buffer.toString("latin1", valueStart, valueEnd)];
    }
  }
}

function remember(
  known: Acknowledged,
  topic: string,
  partition: number,
  first: number,
  values: readonly string[],
): void {
  const place = `${topic}/${partition}`;
  const texts = known.get(place) ?? new Map<number, string>();
  known.set(place, texts);
  for (const [index, value] of values.entries()) {
    assert.ok(!texts.has(first + index), "an offset was given twice");
    texts.set(first + index, value);
  }
}

/** Everything that was acknowledged is there, as it was sent. */
async function verify(port: number, known: Acknowledged): Promise<void> {
  await using peer = await Peer.connect(port);
  for (const [place, texts] of known) {
    const [topic, partition] = place.split("/") as [string, string];
    const left = new Map(texts);
    for (let offset = 0; left.size > 0; ) {
      peer.tell(fetch, 11, fetchBody(topic, Number(partition), offset, 300_000));
      const answer = decodeFetched(await peer.frame());
      assert.equal(answer.errorCode, 0);
      const before = offset;
      for (const [at, text] of recordsOf(answer.records ?? Buffer.alloc(0))) {
        checkText(text, place);
        if (left.has(at)) assert.ok(left.get(at) === text, `${place} at ${at}`);
        left.delete(at);
        offset = at + 1;
      }
      assert.ok(offset > before, `${left.size} records of ${place} are missing from ${offset} on`);
    }
  }
}

function fetchBody(topic: string, partition: number, fetchOffset: number, maxBytes: number) {
  return {
    maxWaitMs: 5,
    minBytes: 1,
    maxBytes: 1_000_000,
    topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: maxBytes }] }],
    forgottenTopicsData: [],
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
