/**
 * The transactional producers: each writes to all partitions as fast as the buffers drain and commits at a fixed interval. Driven with
 * @ottla/client, the same on every side. Timed is the commit, from the call to the answer: it first waits for the last records of the
 * transaction, of which the buffer holds a few megabytes at most.
 *
 * Checked at the end: readers of committed records see exactly as many as were committed.
 */
import { setImmediate as turn } from "node:timers/promises";
import {
  Client,
  type IsolationLevel,
  orThrow,
  type TopicPartition,
  type TransactionalProducer,
} from "@ottla/client";
import { valuePool } from "../client/values.ts";
import type { JobResult, TransactionJob } from "./job.ts";
import { Window } from "./window.ts";

const bufferBytes = 4 * 1_048_576;
/** Records between two looks at the clock. */
const stride = 32;
const markersWithinMs = 30_000;

export async function runTransactions(job: TransactionJob): Promise<JobResult> {
  await using client = new Client({ bootstrapServers: `127.0.0.1:${job.port}` });
  const window = new Window({ pid: job.pid, recordsPerRequest: 0, valueBytes: job.valueBytes });
  const values = valuePool(job.valueBytes);
  let isStopping = false;
  const work = Promise.all(
    Array.from({ length: job.producers }, async (_, index) => {
      await using producer = client.transactionalProducer({
        transactionalId: `${job.topic}-${index}`,
        bufferBytes,
        lingerMs: 5,
      });
      while (!isStopping) await transaction(job, producer, values, window);
    }),
  );
  await Promise.race([work, delay(job.warmupSeconds * 1000)]);
  window.open();
  await Promise.race([work, delay(job.seconds * 1000)]);
  const result = window.close();
  isStopping = true;
  await work;
  const committed = result().acknowledgedRecords;
  const visible = await countVisible(client, job);
  if (visible !== committed)
    throw new Error(`readers see ${visible} records, ${committed} were committed`);
  return result();
}

async function transaction(
  { topic, commitEveryMs }: TransactionJob,
  producer: TransactionalProducer,
  values: readonly Buffer[],
  window: Window,
): Promise<void> {
  await using open = await producer.begin();
  const due = performance.now() + commitEveryMs;
  let records = 0;
  while (performance.now() < due) {
    for (let i = 0; i < stride; i++) {
      const value = values[records++ % values.length]!;
      if (!open.enqueue({ topic, value })) await open.ready();
    }
    await turn();
  }
  const start = performance.now();
  await open.commit();
  window.count(performance.now() - start, records);
}

async function countVisible(client: Client, { topic, partitions }: TransactionJob) {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const ends = await stableEnds(client, all);
  await using consumer = client.consumer({ isolationLevel: "read_committed" });
  consumer.assign(all.map((partition) => ({ ...partition, offset: 0 })));
  let records = 0;
  while (ends.some((end) => consumer.position(end) < end.offset)) {
    for (const batch of await consumer.poll({ timeoutMs: 100 })) {
      batch.forEach(() => {
        records++;
      });
    }
  }
  return records;
}

/** Kafka answers a commit before its markers are in the partitions: the end of what is committed moves a little later. */
async function stableEnds({ admin }: Client, all: readonly TopicPartition[]) {
  const latest = all.map((partition) => ({ ...partition, at: "latest" as const }));
  const list = async (isolationLevel: IsolationLevel) =>
    orThrow(await admin.listOffsets(latest, { isolationLevel }));
  const ends = await list("read_uncommitted");
  const deadline = performance.now() + markersWithinMs;
  for (;;) {
    const stable = await list("read_committed");
    if (stable.every(({ offset }, index) => offset >= ends[index]!.offset)) return stable;
    if (performance.now() > deadline) throw new Error("transactions stay open after their commit");
    await delay(10);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
