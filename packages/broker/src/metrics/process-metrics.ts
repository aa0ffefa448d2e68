/**
 * The process: CPU, memory, disk, collections of garbage; also under the names of a JVM's, so that panels made for Kafka are not empty. Watched
 * from the first scrape on.
 */
import { readFileSync } from "node:fs";
import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import type { PrometheusText } from "./prometheus-text.ts";

/** `detail.kind` of a young collection, node:perf_hooks NODE_PERFORMANCE_GC_MINOR. */
const MINOR = 1;

interface Collections {
  count: number;
  durationMs: number;
}

export class ProcessMetrics {
  readonly #young: Collections = { count: 0, durationMs: 0 };
  readonly #old: Collections = { count: 0, durationMs: 0 };
  #observer: PerformanceObserver | null = null;

  render(text: PrometheusText): void {
    this.#watch();
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    text.counter("process_cpu_seconds_total", (cpu.user + cpu.system) / 1_000_000);
    text.gauge("process_resident_memory_bytes", memory.rss);
    text.gauge("process_start_time_seconds", performance.timeOrigin / 1000);
    text.gauge("jvm_memory_used_bytes", memory.heapUsed, { area: "heap" });
    text.gauge("jvm_memory_used_bytes", memory.external, { area: "nonheap" });
    for (const [gc, { count, durationMs }] of [
      ["young", this.#young],
      ["old", this.#old],
    ] as const) {
      text.counter("jvm_gc_collection_seconds_count", count, { gc });
      text.counter("jvm_gc_collection_seconds_sum", durationMs / 1000, { gc });
    }
    const threads = procNumber("status", /^Threads:\s+(\d+)/m);
    if (threads !== null) text.gauge("jvm_threads_current", threads);
    for (const direction of ["read", "write"]) {
      const bytes = procNumber("io", new RegExp(`^${direction}_bytes: (\\d+)`, "m"));
      const name = `kafka_server_kafkaserver_linux_disk_${direction}_bytes`;
      if (bytes !== null) text.gauge(name, bytes);
    }
  }

  close(): void {
    this.#observer?.disconnect();
    this.#observer = null;
  }

  #watch(): void {
    if (this.#observer !== null) return;
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#collected(entry);
    });
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  #collected(entry: PerformanceEntry): void {
    const { kind } = (entry as PerformanceEntry & { readonly detail: { readonly kind: number } })
      .detail;
    const collections = kind === MINOR ? this.#young : this.#old;
    collections.count++;
    collections.durationMs += entry.duration;
  }
}

/** A number that Linux tells of this process; null elsewhere. Such files are made up in memory as they are read. */
function procNumber(file: string, pattern: RegExp): number | null {
  try {
    const found = pattern.exec(readFileSync(`/proc/self/${file}`, "utf8"));
    return found === null ? null : Number(found[1]);
  } catch {
    return null;
  }
}
