/**
 * The open-loop producer: request i is due at start + i / rate, is sent then, and is timed from then, even when the broker or
 * this process was late. So a stall of the broker is felt by every request that fell due in it (no coordinated omission).
 *
 * Timers of Node fire on whole milliseconds, which is coarser than the answers: the loop spins instead and takes one core. It does so
 * for both sides alike.
 */
import type { Socket } from "node:net";
import { encodeBatch } from "../wire/batch.ts";
import { type ProduceTemplate, produceTemplate, requestCorrelationAt } from "../wire/requests.ts";
import { FrameReader, openSocket } from "./frames.ts";
import type { JobResult, LatencyJob } from "./job.ts";
import { Window } from "./window.ts";

/** Requests that may wait for their answer on one connection; a broker that falls behind further has failed the rate. */
const ringSlots = 1 << 15;

export async function runLatency(job: LatencyJob): Promise<JobResult> {
  const batch = encodeBatch({ records: 1, valueBytes: job.valueBytes, timestampMs: Date.now() });
  const template = produceTemplate(job.topic, batch, job.acks);
  const window = new Window({ pid: job.pid, recordsPerRequest: 1, valueBytes: job.valueBytes });
  const lanes: Lane[] = [];
  for (let i = 0; i < job.connections; i++) lanes.push(await Lane.open(job.port, template, window));

  const intervalMs = 1000 / job.ratePerSecond;
  const startAt = performance.now() + 10;
  const windowAt = startAt + job.warmupSeconds * 1000;
  const endAt = windowAt + job.seconds * 1000;
  const result = await new Promise<() => JobResult>((resolve, reject) => {
    let sent = 0;
    const spin = () => {
      const failed = lanes.find((lane) => lane.failure !== null);
      if (failed?.failure) {
        reject(failed.failure);
        return;
      }
      const now = performance.now();
      if (!window.isOpen && now >= windowAt) window.open();
      for (;;) {
        const dueAt = startAt + sent * intervalMs;
        if (dueAt > now || dueAt >= endAt) break;
        lanes[sent % lanes.length]!.send(dueAt, sent % job.partitions);
        sent++;
      }
      // Past the end the window stays open for the answers still on their way: the slowest requests count too.
      const isDone = now >= endAt && lanes.every((lane) => lane.isDrained);
      if (isDone) resolve(window.close());
      else setImmediate(spin);
    };
    spin();
  });
  for (const lane of lanes) lane.close();
  return result();
}

class Lane {
  readonly #template: ProduceTemplate;
  readonly #window: Window;
  readonly #dueAt = new Float64Array(ringSlots);
  readonly #frames = new FrameReader((buffer, start) => this.#answer(buffer, start));
  #socket: Socket | null = null;
  #sent = 0;
  #answered = 0;
  #isClosed = false;
  failure: Error | null = null;

  private constructor(template: ProduceTemplate, window: Window) {
    this.#template = template;
    this.#window = window;
  }

  static async open(port: number, template: ProduceTemplate, window: Window): Promise<Lane> {
    const lane = new Lane(template, window);
    lane.#socket = await openSocket(
      port,
      (buffer, bytes) => lane.#frames.push(buffer, bytes),
      (error) => {
        if (!lane.#isClosed) lane.failure = error;
      },
    );
    return lane;
  }

  get isDrained(): boolean {
    return this.#answered === this.#sent;
  }

  send(dueAt: number, partition: number): void {
    if (this.#sent - this.#answered === ringSlots) {
      this.failure = new Error("the broker cannot keep this rate");
      return;
    }
    const frame = Buffer.from(this.#template.frame);
    frame.writeInt32BE(this.#sent, requestCorrelationAt);
    frame.writeInt32BE(partition, this.#template.partitionAt);
    this.#dueAt[this.#sent % ringSlots] = dueAt;
    this.#sent++;
    this.#socket?.write(frame);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
  }

  #answer(buffer: Buffer, start: number): void {
    const correlation = buffer.readInt32BE(start + 4);
    const error = buffer.readInt16BE(start + this.#template.responseErrorAt);
    if (correlation !== this.#answered) this.failure = new Error(`correlation id ${correlation}`);
    if (error !== 0) this.failure = new Error(`Produce: error ${error}`);
    this.#window.count(performance.now() - this.#dueAt[this.#answered % ringSlots]!);
    this.#answered++;
  }
}
