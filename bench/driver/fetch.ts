/**
 * The reader. Each connection owns some partitions and keeps one Fetch under way for each of them. Records are counted as they
 * stream through a reused buffer and are not kept, so that the driver costs little more than the kernel's copy.
 *
 * Checked on every answer: correlation id, sizes, error codes, and that its first batch begins at the offset asked for. One answer
 * in `sampleEvery` is kept whole and each of its batches compared, byte for byte, with the batch that was produced.
 */
import type { Socket } from "node:net";
import { batchCrcFrom, batchHeaderBytes, encodeBatch } from "../wire/batch.ts";
import { readInt64, writeInt64 } from "../wire/bytes.ts";
import { type FetchTemplate, fetchTemplate, requestCorrelationAt } from "../wire/requests.ts";
import { openSocket } from "./frames.ts";
import type { FetchJob, JobResult } from "./job.ts";
import { Window } from "./window.ts";

const sampleEvery = 64;

export async function runFetch(job: FetchJob): Promise<JobResult> {
  const batch = encodeBatch({
    records: job.recordsPerBatch,
    valueBytes: job.valueBytes,
    timestampMs: 0,
  });
  const template = fetchTemplate(job.topic, job.partitionMaxBytes);
  const window = new Window({ pid: job.pid, recordsPerRequest: 0, valueBytes: job.valueBytes });
  const lanes = Array.from(
    { length: Math.min(job.connections, job.partitions) },
    (_, index) => new Lane(job, template, window, batch, index),
  );
  const failure = Promise.race(lanes.map((lane) => lane.failed));
  await Promise.race([Promise.all(lanes.map((lane) => lane.open())), failure]);

  const drained = Promise.all(lanes.map((lane) => lane.drained));
  let result: () => JobResult;
  if (job.seconds === null) {
    window.open();
    for (const lane of lanes) lane.start();
    await Promise.race([drained, failure]);
    result = window.close();
  } else {
    for (const lane of lanes) lane.start();
    await Promise.race([delay(job.warmupSeconds * 1000), failure]);
    window.open();
    await Promise.race([delay(job.seconds * 1000), failure]);
    result = window.close();
    for (const lane of lanes) lane.stop();
    await Promise.race([drained, failure]);
  }
  for (const lane of lanes) lane.close();
  return result();
}

interface Stream {
  readonly partition: number;
  offset: number;
  sentAt: number;
}

class Lane {
  readonly drained: Promise<void>;
  readonly failed: Promise<never>;
  readonly #job: FetchJob;
  readonly #template: FetchTemplate;
  readonly #window: Window;
  readonly #batch: Buffer;
  /** Streams with a request under way, in request order. */
  readonly #waiting: Stream[] = [];
  readonly #streams: Stream[] = [];
  /** The answer's head and first batch header, or all of it when sampled. */
  #kept = Buffer.allocUnsafe(4096);
  #keptBytes = 0;
  /** Bytes of the current answer to keep; grows when its size is known and it is sampled. */
  #keep: number;
  /** Bytes of the current answer that are still to come once `keep` bytes are kept. */
  #rest = -1;
  #socket: Socket | null = null;
  #sent = 0;
  #answered = 0;
  #isStopping = false;
  #isClosed = false;
  #drain: () => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(
    job: FetchJob,
    template: FetchTemplate,
    window: Window,
    batch: Buffer,
    index: number,
  ) {
    this.#job = job;
    this.#template = template;
    this.#window = window;
    this.#batch = batch;
    this.#keep = template.responseHeadBytes;
    const lanes = Math.min(job.connections, job.partitions);
    for (let partition = index; partition < job.partitions; partition += lanes)
      this.#streams.push({ partition, offset: 0, sentAt: 0 });
    this.drained = new Promise((resolve) => {
      this.#drain = resolve;
    });
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
  }

  async open(): Promise<void> {
    this.#socket = await openSocket(
      this.#job.port,
      (buffer, bytes) => {
        try {
          this.#push(buffer, bytes);
        } catch (error) {
          this.#fail(error as Error);
          this.close();
        }
      },
      (error) => {
        if (!this.#isClosed) this.#fail(error);
      },
    );
  }

  start(): void {
    for (const stream of this.#streams) this.#send(stream);
  }

  stop(): void {
    this.#isStopping = true;
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
  }

  #send(stream: Stream): void {
    const frame = Buffer.from(this.#template.frame);
    frame.writeInt32BE(this.#sent++ & 0x7fffffff, requestCorrelationAt);
    frame.writeInt32BE(stream.partition, this.#template.partitionAt);
    writeInt64(frame, stream.offset, this.#template.offsetAt);
    stream.sentAt = performance.now();
    this.#waiting.push(stream);
    this.#socket?.write(frame);
  }

  #push(chunk: Buffer, chunkBytes: number): void {
    let at = 0;
    while (at < chunkBytes && !this.#isClosed) {
      if (this.#keptBytes < this.#keep) {
        const bytes = Math.min(this.#keep - this.#keptBytes, chunkBytes - at);
        chunk.copy(this.#kept, this.#keptBytes, at, at + bytes);
        this.#keptBytes += bytes;
        at += bytes;
      } else {
        const bytes = Math.min(this.#rest, chunkBytes - at);
        this.#rest -= bytes;
        at += bytes;
      }
      if (this.#keptBytes === this.#template.responseHeadBytes && this.#rest < 0) this.#planRest();
      if (this.#keptBytes === this.#keep && this.#rest === 0) this.#finish();
    }
  }

  /** The head is complete: decide how much of the records to keep. */
  #planRest(): void {
    const { responseHeadBytes, responseErrorAt, responseAbortedAt, responseRecordsSizeAt } =
      this.#template;
    const kept = this.#kept;
    const error = kept.readInt16BE(12) || kept.readInt16BE(responseErrorAt);
    const partition = this.#waiting[0]?.partition;
    if (kept.readInt32BE(4) !== (this.#answered & 0x7fffffff))
      throw new Error(`Fetch: correlation id ${kept.readInt32BE(4)}`);
    if (error !== 0) throw new Error(`Fetch from partition ${partition}: error ${error}`);
    if (kept.readInt32BE(responseErrorAt - 4) !== partition)
      throw new Error("Fetch: another partition");
    if (kept.readInt32BE(responseAbortedAt) > 0) throw new Error("Fetch: aborted transactions");
    const recordsBytes = Math.max(0, kept.readInt32BE(responseRecordsSizeAt));
    if (4 + kept.readInt32BE(0) !== responseHeadBytes + recordsBytes)
      throw new Error(`Fetch: ${recordsBytes} bytes of records in ${kept.readInt32BE(0)}`);
    if (recordsBytes < this.#batch.length)
      throw new Error(`Fetch from partition ${partition}: ${recordsBytes} bytes of records`);
    const isSampled = this.#answered % sampleEvery === 0;
    this.#keep = responseHeadBytes + (isSampled ? recordsBytes : batchHeaderBytes);
    this.#rest = responseHeadBytes + recordsBytes - this.#keep;
    if (this.#keep > kept.length) {
      this.#kept = Buffer.allocUnsafeSlow(this.#keep);
      kept.copy(this.#kept, 0, 0, responseHeadBytes);
    }
  }

  #finish(): void {
    const stream = this.#waiting.shift()!;
    const { responseHeadBytes, responseHighWatermarkAt, responseRecordsSizeAt } = this.#template;
    const recordsBytes = this.#kept.readInt32BE(responseRecordsSizeAt);
    const highWatermark = readInt64(this.#kept, responseHighWatermarkAt);
    // The last batch of an answer may be cut short; it is asked for again.
    const batches = Math.floor(recordsBytes / this.#batch.length);
    const keptBatches = this.#keep === responseHeadBytes + recordsBytes ? batches : 1;
    for (let i = 0; i < keptBatches; i++) {
      const start = responseHeadBytes + i * this.#batch.length;
      const base = readInt64(this.#kept, start);
      const expected = stream.offset + i * this.#job.recordsPerBatch;
      if (base !== expected) throw new Error(`Fetch: a batch at ${base}, not at ${expected}`);
      if (keptBatches > 1) this.#compare(start, base);
    }
    const records = batches * this.#job.recordsPerBatch;
    stream.offset += records;
    this.#answered++;
    this.#keptBytes = 0;
    this.#keep = responseHeadBytes;
    this.#rest = -1;
    this.#window.count(performance.now() - stream.sentAt, records);

    if (stream.offset >= highWatermark) {
      if (this.#job.seconds === null) {
        if (this.#waiting.length === 0) this.#drain();
        return;
      }
      stream.offset = 0;
    }
    if (!this.#isStopping) this.#send(stream);
    else if (this.#waiting.length === 0) this.#drain();
  }

  /** All but what differs from run to run: base offset and epoch (broker), CRC and timestamps (when it was produced). */
  #compare(start: number, base: number): void {
    const batch = this.#batch;
    const end = start + batch.length;
    const sameLength = this.#kept.readInt32BE(start + 8) === batch.length - 12;
    const sameHead = batch.compare(this.#kept, start + batchCrcFrom, start + 27, batchCrcFrom, 27);
    const sameTail = batch.compare(this.#kept, start + 43, end, 43);
    if (!sameLength || sameHead !== 0 || sameTail !== 0)
      throw new Error(`Fetch: the batch at ${base} differs from what was produced`);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
