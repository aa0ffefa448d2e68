/**
 * Random loads on a disk that fails, is slow and crashes. Small groups, tails and segments make each limit matter: batches are larger than a group, appends wait
 * for room, reads are lent memory that is soon wanted again. Each run has three lives. A life takes a load while writes of the journal and of segments
 * and now and then any call of the disk fail or it is full, may go on without faults, and ends with a stop or a crash; some crash amid the load or the stop. All that is read meanwhile and after each restart
 * is held against random-faults-model.ts.
 *
 * OTTLA_RUNS sets how many seeds are run, OTTLA_SEED the first one. Some topics lose old segments by themselves.
 * OTTLA_POISON=1 overwrites memory that is given back. Reads that are never given back wait for the garbage collector, which
 * knows no seed.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { AppendResult } from "../src/engine.ts";
import { appendRequest, makeBatch, readRequest } from "../src/test-support.ts";
import { Machine, type Topic, totals } from "./random-faults-machine.ts";
import { keyOf, type PartitionModel, recordsOf, type SentBatch } from "./random-faults-model.ts";

const runs = Number(process.env.OTTLA_RUNS ?? 24);
const firstSeed = Number(process.env.OTTLA_SEED ?? 1);
const LIVES = 3;
const STEPS = 250;

type Operation = (run: Run) => Promise<void> | void;

/** How often each operation is drawn, by its weight. */
const OPERATIONS: readonly (readonly [number, Operation])[] = [
  [60, append],
  [15, read],
  [5, ({ machine }) => machine.clock.advanceAsync(machine.draw(120))],
  [4, ({ machine }) => machine.breakDisk("write", (path) => path.includes("commit-journal"))],
  [2, breakSegments],
  [2, maintain],
  [2, changePace],
  [7, ({ machine }) => machine.turns(1)],
  [6, deleteRecords],
  [3, deleteTopic],
  [8, parkedRead],
  [4, alter],
  [2, fillDisk],
  [2, breakAnything],
];

const DRAWN = OPERATIONS.flatMap(([weight, operation]) => new Array(weight).fill(operation));

/** Deletions may overtake a read. */
const ALLOWED_OF_READS = ["offsetOutOfRange", "storage", "unknownTopic"];

const OPERATIONS_OF_DISK = [
  "open",
  "read",
  "create",
  "rename",
  "remove",
  "syncDirectory",
  "makeDirectory",
  "sync",
  "truncate",
  "list",
  "allocate",
] as const;

interface Place {
  readonly topic: Topic;
  readonly index: number;
  readonly model: PartitionModel;
}

/** What one partition is sent by an append. */
interface Share extends Place {
  readonly batch: SentBatch;
  /** Its CRC is wrong. */
  readonly isSpoilt: boolean;
}

/** A read that is looked at for longer: its bytes must stay as they were. */
interface HeldRead {
  readonly records: readonly Buffer[];
  readonly copy: Buffer;
  readonly release: () => void;
}

class Run {
  readonly machine: Machine;
  readonly held: HeldRead[] = [];

  constructor(seed: number) {
    this.machine = new Machine(seed);
  }

  async play(): Promise<void> {
    const { machine } = this;
    await machine.open();
    for (let i = 0; i < 3; i++) machine.addTopic();
    for (let i = 0; i < LIVES; i++) {
      await this.#load();
      if (!machine.life.isOver && machine.draw(2) === 0) await this.#goOn();
      for (const read of this.held.splice(0)) giveBack(read);
      await machine.stop();
      await machine.open();
      await machine.check(true);
    }
    await machine.engine.close();
  }

  async #load(): Promise<void> {
    const { machine } = this;
    const { life, disk } = machine;
    if (machine.draw(3) === 0) disk.crashAt(1 + machine.draw(800), () => life.end());
    for (let step = 0; step < STEPS && !life.isOver; step++) {
      const operation: Operation = machine.pick(DRAWN);
      await Promise.race([operation(this), life.over]);
      machine.failIfBroken();
    }
  }

  /** Without faults everything is answered, appends are taken again, and what was promised is there. */
  async #goOn(): Promise<void> {
    const { machine } = this;
    machine.mendDisk();
    await machine.settle();
    // Calls of the disk that are to fail, but take their time, and then what waits to be tried again.
    await machine.turns(100);
    await machine.clock.advanceAsync(2_000);
    const before = totals.refused;
    for (let i = 0; i < 60; i++) append(this);
    await machine.settle();
    assert.equal(totals.refused, before, "appends are refused though the disk is well");
    await machine.check(false);
  }
}

/** Sends a batch to each of some partitions; the answers go to their models. */
function append({ machine }: Run): void {
  const { ledger, life } = machine;
  ledger.appends++;
  const shares = new Map<PartitionModel, Share>();
  for (let i = machine.draw(3) > 0 ? 1 : 1 + machine.draw(10); i > 0; i--) {
    const place = drawPlace(machine);
    if (!shares.has(place.model)) shares.set(place.model, drawShare(machine, place));
  }
  const sent = [...shares.values()];
  const partitions = sent.map((share) => ({
    topicId: share.topic.id,
    partition: share.index,
    records: bytesOf(share),
  }));
  life.pending++;
  machine.engine
    .append(appendRequest(partitions, { makesRoom: machine.draw(6) === 0 }))
    .then((results) => {
      life.pending--;
      if (life.isOver) return;
      for (const [i, result] of results.entries()) note(sent[i]!, result);
    })
    .catch(machine.fail);
}

function drawPlace(machine: Machine): Place {
  const topic = machine.pick(machine.topics);
  const index = machine.draw(topic.partitions.length);
  return { topic, index, model: topic.partitions[index]! };
}

/** Now and then a batch is larger than a group, and one in ten is a good part of one. */
function drawShare(machine: Machine, place: Place): Share {
  const { groupBytes } = machine;
  const { model } = place;
  let sizeBytes = 10 + machine.draw(600);
  if (machine.draw(5) === 0) {
    const batch = model.sendIdempotent(machine.draw(2) === 0, () =>
      drawValues(machine, model, sizeBytes),
    );
    return { ...place, batch, isSpoilt: false };
  }
  if (machine.draw(40) === 0) sizeBytes = groupBytes + machine.draw(3 * groupBytes);
  else if (machine.draw(10) === 0) sizeBytes = 3_000 + machine.draw(4_500);
  const batch = model.send(drawValues(machine, model, sizeBytes));
  return { ...place, batch, isSpoilt: machine.draw(30) === 0 };
}

function drawValues(machine: Machine, { name }: PartitionModel, sizeBytes: number): string[] {
  const count = 1 + machine.draw(3);
  return Array.from({ length: count }, () => machine.ledger.nextValue(name, sizeBytes));
}

function bytesOf({ model, batch, isSpoilt }: Share): Buffer {
  const { values, sequence } = batch;
  const producer = sequence < 0 ? {} : { producerId: model.producerId, sequence };
  const bytes = makeBatch({ values, keys: values.map(keyOf), ...producer });
  if (isSpoilt) bytes[bytes.length - 1]! ^= 1;
  return bytes;
}

function note(share: Share, { error, baseOffset }: AppendResult): void {
  const { topic, model, batch, isSpoilt } = share;
  if (topic.isDeleted) return;
  if (error === null) {
    assert.ok(!isSpoilt, "a batch with a wrong CRC is acknowledged");
    totals.acknowledged++;
    model.acknowledge(batch, baseOffset);
  } else if (error === "storage" || (error === "shuttingDown" && batch.attempts > 1)) {
    totals.refused++;
    model.refuse(batch);
  } else if (error === "shuttingDown") {
    model.reject(batch);
  } else {
    const sizeBytes = batch.values.reduce((sum, { length }) => sum + length + 100, 0);
    if (!isSpoilt || error !== "corruptBatch") assert.equal(error, "recordListTooLarge");
    if (!isSpoilt) assert.ok(sizeBytes > topic.config.segmentBytes, "a batch fits a segment");
    totals.rejected++;
    model.reject(batch);
  }
}

/** Most reads are given back at once, some late, a few never. */
async function read({ machine, held }: Run): Promise<void> {
  const { topic, index, model } = drawPlace(machine);
  const { life } = machine;
  const { logStartOffset, highWatermark } = machine.engine.describe(topic.id, index)!;
  const offset = logStartOffset + machine.draw(highWatermark - logStartOffset + 1);
  const request = readRequest(topic.id, index, offset, {
    partitionMaxBytes: 1 + machine.draw(40_000),
  });
  const [result] = await machine.engine.read(request);
  if (life.isOver) return;
  if (result!.error !== null) {
    assert.ok(ALLOWED_OF_READS.includes(result!.error), result!.error);
    return;
  }
  totals.reads++;
  const { records, release } = result!;
  model.read(recordsOf(records));
  if (release !== null && machine.draw(4) === 0) {
    held.push({ records, copy: Buffer.concat(records), release });
  } else if (machine.draw(30) > 0) {
    release?.();
  }
  while (held.length > machine.draw(30)) giveBack(held.splice(machine.draw(held.length), 1)[0]!);
}

/** Waits for more than is there, for a while. */
function parkedRead({ machine }: Run): void {
  const { topic, index, model } = drawPlace(machine);
  const { life } = machine;
  const { logStartOffset, highWatermark } = machine.engine.describe(topic.id, index)!;
  const offset = Math.max(logStartOffset, highWatermark - machine.draw(3));
  const request = readRequest(topic.id, index, offset, {
    minBytes: 1 + machine.draw(3_000),
    maxWaitMs: 1 + machine.draw(400),
    isolation: machine.draw(2) === 0 ? "committed" : "uncommitted",
  });
  life.pending++;
  machine.engine
    .read(request)
    .then(([result]) => {
      life.pending--;
      if (!life.isOver && result!.error === null && !topic.isDeleted) {
        model.read(recordsOf(result!.records));
      }
      result!.release?.();
    })
    .catch(machine.fail);
}

/** Gives it back twice: the second time is nothing. */
function giveBack({ records, copy, release }: HeldRead): void {
  totals.held++;
  assert.ok(copy.equals(Buffer.concat(records)), "memory that was lent has changed");
  release();
  release();
}

function breakSegments({ machine }: Run): void {
  const operation = machine.pick(["write", "sync", "open", "truncate"] as const);
  machine.breakDisk(operation, (path) => path.endsWith(".log"));
}

/** Any call of any file. */
function breakAnything({ machine }: Run): void {
  machine.breakDisk(machine.pick(OPERATIONS_OF_DISK));
}

function fillDisk({ machine }: Run): void {
  const { disk } = machine;
  const isFull = machine.draw(3) > 0;
  disk.capacityBytes = isFull ? disk.usedBytes + machine.draw(60_000) : Number.POSITIVE_INFINITY;
}

function alter({ machine }: Run): void {
  const { id, config } = machine.pick(machine.topics);
  const altered = {
    ...config,
    segmentMs: machine.pick([1, 100, 604_800_000]),
    segmentIndexBytes: machine.pick([48, 10_485_760]),
    indexIntervalBytes: machine.pick([1, 700, 4_096]),
  };
  machine.engine.alterTopic(id, { config: altered });
}

function maintain({ machine }: Run): void {
  machine.watch(machine.engine.maintain());
}

function changePace({ machine }: Run): void {
  machine.slowness = machine.draw(4);
}

function deleteRecords({ machine }: Run): void {
  const { topic, index, model } = drawPlace(machine);
  const { life, engine } = machine;
  const { logStartOffset, highWatermark } = engine.describe(topic.id, index)!;
  const beforeOffset = logStartOffset + machine.draw(highWatermark - logStartOffset + 1);
  model.askStart(beforeOffset);
  const call = engine.deleteRecords([{ topicId: topic.id, partition: index, beforeOffset }]);
  machine.watch(
    call.then(([result]) => {
      if (!life.isOver && result!.error === null) model.answerStart(beforeOffset);
    }),
  );
}

/** The metadata forgets it at once; another takes its place. */
async function deleteTopic({ machine }: Run): Promise<void> {
  const topic = machine.topics.splice(machine.draw(machine.topics.length), 1)[0]!;
  topic.isDeleted = true;
  const call = machine.engine.deleteTopic(topic.id);
  machine.watch(call);
  await Promise.race([call.catch(() => {}), machine.turns(40)]);
  machine.addTopic();
}

for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  test(
    `LG10 LG17: what is acknowledged is there, through faults and crashes, seed ${seed}`,
    {
      timeout: 20_000,
    },
    () => new Run(seed).play(),
  );
}

after(() => {
  if (runs < 10) return;
  for (const [what, count] of Object.entries(totals)) {
    assert.ok(count > 0, `nothing was ${what} in all runs`);
  }
});
