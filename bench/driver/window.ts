/** The measured part of a run: begins after the warm-up, reads CPU clocks at both ends, keeps every latency. */
import { cpuSeconds } from "../process-usage.ts";
import type { JobResult } from "./job.ts";

export class Window {
  readonly #pid: number;
  readonly #recordsPerRequest: number;
  readonly #valueBytes: number;
  #latencies = new Float64Array(1 << 16);
  #requests = 0;
  #records = 0;
  #acknowledgedRecords = 0;
  #isOpen = false;
  #openedAt = 0;
  #brokerCpu = 0;
  #driverCpu = 0;

  constructor(options: { pid: number; recordsPerRequest: number; valueBytes: number }) {
    this.#pid = options.pid;
    this.#recordsPerRequest = options.recordsPerRequest;
    this.#valueBytes = options.valueBytes;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
    this.#requests = 0;
    this.#records = 0;
    this.#brokerCpu = cpuSeconds(this.#pid);
    this.#driverCpu = driverCpuSeconds();
    this.#openedAt = performance.now();
  }

  /** One answered request. */
  count(latencyMs: number, records: number = this.#recordsPerRequest): void {
    this.#acknowledgedRecords += records;
    if (!this.#isOpen) return;
    if (this.#requests === this.#latencies.length) {
      const larger = new Float64Array(this.#latencies.length * 2);
      larger.set(this.#latencies);
      this.#latencies = larger;
    }
    this.#latencies[this.#requests++] = latencyMs;
    this.#records += records;
  }

  /** Closes the window. The result is taken later, because answers that are still on their way count as acknowledged. */
  close(): () => JobResult {
    const seconds = (performance.now() - this.#openedAt) / 1000;
    const brokerCpuSeconds = cpuSeconds(this.#pid) - this.#brokerCpu;
    const driver = driverCpuSeconds() - this.#driverCpu;
    this.#isOpen = false;
    const sorted = this.#latencies.slice(0, this.#requests).sort();
    const requests = this.#requests;
    const records = this.#records;
    return () => ({
      seconds,
      requests,
      records,
      valueBytes: records * this.#valueBytes,
      brokerCpuSeconds,
      driverCpuSeconds: driver,
      latencyMs: {
        p50: percentile(sorted, 0.5),
        p99: percentile(sorted, 0.99),
        p999: percentile(sorted, 0.999),
      },
      acknowledgedRecords: this.#acknowledgedRecords,
    });
  }
}

function percentile(sorted: Float64Array, fraction: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN;
}

function driverCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
