/**
 * Data for the cleaner: records with random keys, of which each has many, in one partition. What they are follows from the seed, so
 * that after cleaning a reader that starts from nothing can be held to the last value of each key.
 */
import { Client, orThrow } from "@ottla/client";
import { valuePool } from "../client/values.ts";
import type { JobResult, KeyedJob } from "./job.ts";
import { Window } from "./window.ts";

/** Number of the record in the first bytes of its value. */
const numberBytes = 8;

export async function runKeyed(job: KeyedJob): Promise<JobResult> {
  await using client = new Client({ bootstrapServers: `127.0.0.1:${job.port}` });
  const window = new Window({ pid: job.pid, recordsPerRequest: 1, valueBytes: job.valueBytes });
  window.open();
  if (job.kind === "fill-keys") await fill(client, job);
  else await check(client, job);
  window.count(0, job.records);
  return window.close()();
}

/** Keys of the records in order. */
function* keys({ records, keys: count }: KeyedJob): Generator<string> {
  let state = 0x9e3779b9;
  for (let i = 0; i < records; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield `key-${(state >>> 0) % count}`;
  }
}

async function fill(client: Client, job: KeyedJob): Promise<void> {
  const { topic } = job;
  const pool = valuePool(job.valueBytes);
  await using producer = client.producer();
  let number = 0;
  for (const key of keys(job)) {
    const value = pool[number % pool.length]!;
    // The producer takes a copy, so that the pool's bytes are free for the next record.
    value.writeDoubleBE(number++, 0);
    if (!producer.enqueue({ topic, partition: 0, key, value })) await producer.ready();
  }
  await producer.flush();
}

async function check(client: Client, job: KeyedJob): Promise<void> {
  const expected = new Map<string, number>();
  let number = 0;
  for (const key of keys(job)) expected.set(key, number++);
  const partition = { topic: job.topic, partition: 0 };
  const [end] = orThrow(await client.admin.listOffsets([{ ...partition, at: "latest" }]));
  await using consumer = client.consumer();
  consumer.assign([{ ...partition, offset: 0 }]);
  const found = new Map<string, number>();
  while (consumer.position(partition) < end!.offset) {
    for (const batch of await consumer.poll({ timeoutMs: 100 })) {
      batch.forEach((record) => {
        const value = record.value!;
        if (value.length >= numberBytes) found.set(record.keyText()!, value.readDoubleBE(0));
      });
    }
  }
  for (const [key, last] of expected) {
    if (found.get(key) !== last)
      throw new Error(`${key}: the reader ends with record ${found.get(key)}, not ${last}`);
  }
}
