/**
 * The closed-loop producer. Every connection owns a ring of `inFlight` complete request frames in one block of memory. Answers
 * come in request order, so the slots that fall free in one turn lie side by side: they are patched in place and leave with one
 * write. A slot's bytes are never touched before its answer, when the kernel has long taken them.
 *
 * Checked on every answer: correlation id, size, and for each partition that it was asked for, its error code, and that its base offsets grow
 * by at least a batch on this connection. Kafka answers the partitions of a request in an order of its own.
 */
import type { Socket } from "node:net";
import { encodeBatch } from "../wire/batch.ts";
import { readInt64 } from "../wire/bytes.ts";
import { type ProduceTemplate, produceTemplate, requestCorrelationAt } from "../wire/requests.ts";
import { FrameReader, openSocket } from "./frames.ts";
import type { JobResult, ProduceJob } from "./job.ts";
import { Window } from "./window.ts";

export async function runProduce(job: ProduceJob): Promise<JobResult> {
  const batch = encodeBatch({
    records: job.recordsPerBatch,
    valueBytes: job.valueBytes,
    timestampMs: Date.now(),
  });
  const template = produceTemplate(job.topic, batch, job.acks, job.partitionsPerRequest);
  const window = new Window({
    pid: job.pid,
    recordsPerRequest: job.recordsPerBatch * job.partitionsPerRequest,
    valueBytes: job.valueBytes,
  });
  const budget = { batches: job.totalBatches ?? Infinity };
  const lanes = Array.from(
    { length: job.connections },
    (_, index) => new Lane(job, template, window, budget, index),
  );
  const failure = Promise.race(lanes.map((lane) => lane.failed));
  await Promise.race([Promise.all(lanes.map((lane) => lane.open())), failure]);
  for (const lane of lanes) lane.start();

  const drained = Promise.all(lanes.map((lane) => lane.drained));
  let result: () => JobResult;
  if (job.totalBatches === null) {
    await Promise.race([delay(job.warmupSeconds * 1000), failure]);
    window.open();
    await Promise.race([delay(job.seconds * 1000), failure]);
    result = window.close();
    for (const lane of lanes) lane.stop();
    await Promise.race([drained, failure]);
  } else {
    window.open();
    await Promise.race([drained, failure]);
    result = window.close();
  }
  for (const lane of lanes) lane.close();
  return result();
}

/** One connection and its ring of requests. */
class Lane {
  readonly drained: Promise<void>;
  readonly failed: Promise<never>;
  readonly #job: ProduceJob;
  readonly #template: ProduceTemplate;
  readonly #window: Window;
  readonly #budget: { batches: number };
  readonly #ring: Buffer;
  readonly #slotBytes: number;
  readonly #sentAt: Float64Array;
  /** By slot, the first of its partitions; the others are the next ones, from 0 again behind the last. */
  readonly #partitionOf: Int32Array;
  readonly #lastBaseOffset: Float64Array;
  /** By place in a request, the last response that named the partition there. */
  readonly #answeredBy: Float64Array;
  readonly #frames = new FrameReader((buffer, start, bytes) => this.#answer(buffer, start, bytes));
  #socket: Socket | null = null;
  #nextPartition: number;
  #sent = 0;
  #answered = 0;
  #isStopping = false;
  #isClosed = false;
  #drain: () => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(
    job: ProduceJob,
    template: ProduceTemplate,
    window: Window,
    budget: { batches: number },
    index: number,
  ) {
    this.#job = job;
    this.#template = template;
    this.#window = window;
    this.#budget = budget;
    this.#slotBytes = template.frame.length;
    this.#ring = Buffer.allocUnsafeSlow(this.#slotBytes * job.inFlight);
    for (let slot = 0; slot < job.inFlight; slot++)
      template.frame.copy(this.#ring, slot * this.#slotBytes);
    this.#sentAt = new Float64Array(job.inFlight);
    this.#partitionOf = new Int32Array(job.inFlight);
    this.#answeredBy = new Float64Array(job.partitionsPerRequest).fill(-1);
    this.#lastBaseOffset = new Float64Array(job.partitions).fill(-job.recordsPerBatch);
    // Lanes start apart, so that they do not walk over the same partitions together.
    this.#nextPartition = Math.floor((index * job.partitions) / job.connections);
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
        this.#frames.push(buffer, bytes);
        this.#send();
      },
      (error) => {
        if (!this.#isClosed) this.#fail(error);
      },
    );
  }

  start(): void {
    this.#send();
  }

  /** Sends nothing more; `drained` resolves with the last answer. */
  stop(): void {
    this.#isStopping = true;
    if (this.#answered === this.#sent) this.#drain();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
  }

  #send(): void {
    const { inFlight } = this.#job;
    const now = performance.now();
    let first = this.#sent % inFlight;
    let count = 0;
    while (!this.#isStopping && this.#sent - this.#answered < inFlight) {
      if (this.#budget.batches <= 0) {
        this.#isStopping = true;
        break;
      }
      this.#budget.batches -= this.#job.partitionsPerRequest;
      const slot = this.#sent % inFlight;
      if (slot === 0 && count > 0) {
        this.#write(first, count);
        first = 0;
        count = 0;
      }
      this.#fill(slot);
      this.#sentAt[slot] = now;
      this.#sent++;
      count++;
    }
    if (count > 0) this.#write(first, count);
    if (this.#isStopping && this.#answered === this.#sent) this.#drain();
  }

  #fill(slot: number): void {
    const { partitionAt, partitionStride } = this.#template;
    const { partitions, partitionsPerRequest } = this.#job;
    const start = slot * this.#slotBytes;
    this.#ring.writeInt32BE(this.#sent & 0x7fffffff, start + requestCorrelationAt);
    this.#partitionOf[slot] = this.#nextPartition;
    for (let index = 0; index < partitionsPerRequest; index++) {
      this.#ring.writeInt32BE(this.#nextPartition, start + partitionAt + index * partitionStride);
      this.#nextPartition++;
      if (this.#nextPartition === partitions) this.#nextPartition = 0;
    }
  }

  #write(firstSlot: number, slots: number): void {
    const from = firstSlot * this.#slotBytes;
    this.#socket?.write(this.#ring.subarray(from, from + slots * this.#slotBytes));
  }

  #answer(buffer: Buffer, start: number, bytes: number): void {
    const slot = this.#answered % this.#job.inFlight;
    const problem = this.#check(buffer, start, bytes, slot);
    if (problem !== null) {
      this.#fail(new Error(`Produce from partition ${this.#partitionOf[slot]} on: ${problem}`));
      return;
    }
    this.#window.count(performance.now() - this.#sentAt[slot]!);
    this.#answered++;
  }

  #check(buffer: Buffer, start: number, bytes: number, slot: number): string | null {
    const template = this.#template;
    const correlation = buffer.readInt32BE(start + 4);
    if (correlation !== (this.#answered & 0x7fffffff)) return `correlation id ${correlation}`;
    if (bytes < template.responseErrorAt + 2) return `a response of ${bytes} bytes`;
    const { partitionsPerRequest } = this.#job;
    for (let index = 0; index < partitionsPerRequest; index++) {
      const at = start + index * template.responseStride;
      const error = buffer.readInt16BE(at + template.responseErrorAt);
      if (error !== 0) return `error ${error}`;
      if (bytes !== template.responseBytes) return `a response of ${bytes} bytes`;
      const partition = buffer.readInt32BE(at + template.responseErrorAt - 4);
      const place = this.#placeOf(partition, slot);
      if (place < 0) return `an answer for partition ${partition}`;
      if (this.#answeredBy[place] === this.#answered) return `partition ${partition} twice`;
      this.#answeredBy[place] = this.#answered;
      const base = readInt64(buffer, at + template.responseBaseOffsetAt);
      if (base < this.#lastBaseOffset[partition]! + this.#job.recordsPerBatch)
        return `base offset ${base} after ${this.#lastBaseOffset[partition]} in partition ${partition}`;
      this.#lastBaseOffset[partition] = base;
    }
    return null;
  }

  /** Which of the request's partitions it is, −1 for none. */
  #placeOf(partition: number, slot: number): number {
    const { partitions, partitionsPerRequest } = this.#job;
    if (partition < 0 || partition >= partitions) return -1;
    const ahead = partition - this.#partitionOf[slot]!;
    const place = ahead < 0 ? ahead + partitions : ahead;
    return place < partitionsPerRequest ? place : -1;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
