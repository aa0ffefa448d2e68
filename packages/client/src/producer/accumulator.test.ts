import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock } from "@ottla/platform";
import { RecordCursor } from "@ottla/protocol";
import { Accumulator, type TopicSource } from "./accumulator.ts";
import { resolveProducerOptions } from "./options.ts";
import type { PartitionQueue } from "./partition-queue.ts";

/** An accumulator for a topic of one partition that the cluster gets to know with `learn`. */
function stage(bufferBytes: number) {
  const clock = new SimulatedClock();
  const known = Promise.withResolvers<void>();
  let isKnown = false;
  const replicas = { replicas: [1], isr: [1], offlineReplicas: [] };
  const partition = { partition: 0, leader: 1, leaderEpoch: 0, errorCode: 0, ...replicas };
  const topic = { name: "t", topicId: "", isInternal: false, partitions: [partition] };
  const metadata = {
    version: 0,
    allowCreation: () => {},
    cached: () => (isKnown ? topic : null),
    topic: () => known.promise.then(() => topic),
    refresh: () => known.promise,
  };
  const cluster: TopicSource = {
    options: { clock, random: new SeededRandom(1) },
    metadata,
    now: () => clock.monotonic(),
    retry: (_what, _options, attempt) => attempt({}),
  };
  const queues: PartitionQueue[] = [];
  const sender = {
    wake: () => {},
    onOpened: (queue: PartitionQueue) => void queues.push(queue),
    leaderOf: () => 1,
  };
  const options = resolveProducerOptions({ bufferBytes });
  const accumulator = new Accumulator(cluster, options, sender, false);
  return {
    accumulator,
    async learn() {
      isKnown = true;
      metadata.version++;
      known.resolve();
      // What was waiting for it runs first.
      await new Promise(setImmediate);
    },
    /** Keys, values and first header values of what is to be sent. */
    sent(): string[] {
      const cursor = new RecordCursor();
      const texts: string[] = [];
      for (const batch of queues[0]?.waiting ?? []) {
        cursor.start(batch.bytes());
        while (cursor.next()) {
          texts.push([cursor.key(), cursor.value(), cursor.headers()[0]!.value].join(" "));
        }
      }
      return texts;
    },
  };
}

test("bytes are the caller's again when the call returns, whether the record could be taken or has to wait", async (t) => {
  const { accumulator, learn, sent } = stage(100);
  t.after(() => accumulator.release(accumulator.usedBytes));
  const memory = Buffer.alloc(3);
  const add = (text: string) => {
    memory.write(text);
    const [key, value, header] = [0, 1, 2].map((at) => memory.subarray(at, at + 1));
    const record = { topic: "t", partition: 0, key: key!, value: value! };
    accumulator.add({ ...record, headers: [{ key: "h", value: header! }] }, null, 0);
    memory.fill("x");
  };
  // The topic is not known yet...
  for (const text of ["abc", "def"]) add(text);
  await learn();
  // ...room is there, and is none.
  for (const text of ["ghi", "jkl", "mno", "pqr"]) add(text);
  assert.equal(accumulator.hasRoom, false);
  while (!accumulator.hasRoom) accumulator.release(accumulator.usedBytes);
  assert.deepEqual(sent(), ["a b c", "d e f", "g h i", "j k l", "m n o", "p q r"]);
});
