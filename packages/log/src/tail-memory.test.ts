import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Arena } from "./arena.ts";
import { PartitionLog, Topic } from "./partition-log.ts";
import { Segment } from "./segment.ts";
import { type Slab, Slabs } from "./slabs.ts";
import { TailMemory } from "./tail-memory.ts";
import { config, topicId } from "./test-support.ts";

const SLAB_BYTES = 4096;
const BUDGET_BYTES = 4 * SLAB_BYTES;
const PARTITIONS = 5;

type Step =
  | { readonly kind: "append"; readonly partition: number; readonly sizeBytes: number }
  | { readonly kind: "appendLarge"; readonly partition: number }
  | { readonly kind: "commit" | "fail" | "write" }
  | { readonly kind: "delete"; readonly partition: number };

const partition = fc.nat({ max: PARTITIONS - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        kind: fc.constant("append"),
        partition,
        sizeBytes: fc.integer({ min: 60, max: 1500 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("appendLarge"), partition }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("commit") }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail") }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("write") }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete"), partition }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 400 },
);

/** Partitions whose batches are filled with their base offset, in slabs that are filled as a journal does it. */
class World {
  readonly slabs = new Slabs(SLAB_BYTES, new Arena(16 * SLAB_BYTES, 0));
  readonly asked = new Set<PartitionLog>();
  readonly tail = new TailMemory(BUDGET_BYTES, this.slabs, (log) => {
    assert.ok(log.nextToWrite >= 0, "only partitions with something to write are written");
    this.asked.add(log);
    return this.asked.size < 3;
  });
  readonly logs: PartitionLog[];
  #slab: Slab = this.#take();
  #used = 0;

  constructor() {
    const topic = new Topic(topicId(1), "t", 1, PARTITIONS, config);
    this.logs = Array.from({ length: PARTITIONS }, (_, index) => {
      const log = new PartitionLog(topic, index);
      log.addSegment(Segment.empty(0, 0, 0));
      return log;
    });
  }

  append(log: PartitionLog, sizeBytes: number): void {
    if (this.#used + sizeBytes > SLAB_BYTES) this.moveOn();
    const at = this.#used;
    this.#used += sizeBytes;
    this.#slab.bytes.fill(log.logEnd, at, at + sizeBytes);
    this.#push(log, sizeBytes, this.#slab, at);
  }

  appendLarge(log: PartitionLog): void {
    this.#push(log, 2 * SLAB_BYTES, Buffer.alloc(2 * SLAB_BYTES, log.logEnd), 0);
  }

  commit(): void {
    for (const log of this.logs) log.advance(log.logEnd, 0);
    this.tail.trim();
  }

  fail(): void {
    for (const log of this.logs) this.tail.forget(log.rollBack());
    this.tail.sweep();
    this.tail.trim();
  }

  /** What was asked for is in its segments. */
  write(): void {
    const logs = [...this.asked];
    this.asked.clear();
    for (const log of logs) log.markWritten(log.highWatermark);
    this.tail.trim();
  }

  /** The group moves to another slab. */
  moveOn(): void {
    this.slabs.retire(this.#slab);
    this.slabs.letGo(this.#slab);
    this.#slab = this.#take();
    this.#used = 0;
  }

  check(): void {
    for (const { tail } of this.logs) {
      for (let index = tail.first; index < tail.end; index++) {
        const bytes = tail.bytes(index);
        assert.ok(bytes.equals(Buffer.alloc(bytes.length, tail.baseOffset(index))), "its bytes");
      }
    }
  }

  #push(log: PartitionLog, sizeBytes: number, holder: Slab | Buffer, at: number): void {
    const { active, logEnd } = log;
    log.push(active, active.sizeBytes, sizeBytes, logEnd, logEnd, holder, at);
    active.append(logEnd, sizeBytes, 0, 4096);
    this.tail.add(log, holder);
  }

  #take(): Slab {
    const slab = this.slabs.take();
    this.slabs.hold(slab);
    return slab;
  }
}

test("batches keep their bytes until they are written, whatever fails or is deleted; then all memory comes back", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const world = new World();
      for (const step of list) {
        if (step.kind === "append") world.append(world.logs[step.partition]!, step.sizeBytes);
        else if (step.kind === "appendLarge") world.appendLarge(world.logs[step.partition]!);
        else if (step.kind === "delete") {
          const log = world.logs[step.partition]!;
          world.asked.delete(log);
          world.tail.forget(log.tail.clear());
          log.advance(log.logEnd, 0);
          log.markWritten(log.logEnd);
        } else world[step.kind]();
        world.check();
      }
      world.commit();
      // Each round writes a partition, as long as there is too much.
      for (let round = 0; round < PARTITIONS; round++) world.write();
      assert.ok(world.tail.bytes <= BUDGET_BYTES, "within the budget");
      world.check();
      for (const log of world.logs) log.markWritten(log.logEnd);
      world.moveOn();
      for (let i = 0; i < 40; i++) world.appendLarge(world.logs[0]!);
      world.commit();
      world.write();
      assert.equal(world.slabs.retiredBytes, 0, "every slab is free");
    }),
  );
});

test("also batches in the slab that is being filled leave when they are too many", () => {
  const world = new World();
  const [log] = world.logs;
  while (world.tail.bytes <= 0 || world.slabs.retiredBytes < BUDGET_BYTES) world.append(log!, 100);
  world.commit();
  world.write();
  assert.equal(world.tail.isFull, false);
});

test("what was taken back makes nothing else leave, however often it is tried", () => {
  const world = new World();
  const [first, second] = world.logs;
  for (let i = 0; i < 20; i++) world.append(first!, 500);
  world.commit();
  const there = first!.tail.end - first!.tail.first;
  for (let attempt = 0; attempt < 20; attempt++) {
    world.append(second!, 1500);
    world.append(second!, 1500);
    world.append(second!, 1500);
    world.appendLarge(second!);
    world.fail();
    for (const log of world.asked) log.markWritten(log.highWatermark);
    world.asked.clear();
  }
  world.moveOn();
  world.write();
  assert.equal(first!.tail.end - first!.tail.first, there);
  assert.ok(world.tail.bytes < BUDGET_BYTES);
});
