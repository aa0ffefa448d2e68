import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { RecordCursor } from "@ottla/protocol";
import type { Cluster } from "../cluster.ts";
import { Accumulator } from "./accumulator.ts";
import { resolveProducerOptions } from "./options.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { Sender } from "./sender.ts";

/** An accumulator for a topic of one partition that the cluster gets to know with `learn`. */
function stage(bufferBytes: number) {
  const clock = new SimulatedClock();
  const known = Promise.withResolvers<void>();
  let isKnown = false;
  const metadata = {
    version: 0,
    allowCreation: () => {},
    cached: () => (isKnown ? { partitions: [{}] } : null),
  };
  const random = { integer: () => 0 };
  const cluster = {
    options: { clock, random },
    metadata,
    now: () => 0,
    retry: () => known.promise,
  };
  const queues: PartitionQueue[] = [];
  const sender = { wake: () => {}, onOpened: (queue: PartitionQueue) => queues.push(queue) };
  const accumulator = new Accumulator(
    cluster as unknown as Cluster,
    resolveProducerOptions({ bufferBytes }),
    sender as unknown as Sender,
    false,
  );
  return {
    accumulator,
    async learn() {
      isKnown = true;
      metadata.version++;
      known.resolve();
      await known.promise;
      await Promise.resolve();
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
