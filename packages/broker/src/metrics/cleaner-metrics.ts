/** Counts what the cleaner of compacted logs tells of itself, under the names of `kafka_log_logcleaner_*` and `kafka_log_logcleanermanager_*`. */
import type { LogProbe } from "@ottla/log";
import type { PrometheusText } from "./prometheus-text.ts";

export class CleanerMetrics {
  readonly probe: Required<Pick<LogProbe, "cleaned" | "uncleanable">>;
  #recopyPercent = 0;
  #lastSeconds = 0;
  #bufferPercent = 0;
  #rounds = 0;
  /** Sizes of logs that cannot be cleaned, by partition. */
  readonly #uncleanable = new Map<string, number>();

  constructor(report: (line: string) => void) {
    this.probe = {
      cleaned: (_topic, _partition, round) => {
        this.#rounds++;
        this.#recopyPercent = (100 * round.bytesWritten) / Math.max(1, round.bytesScanned);
        this.#lastSeconds = round.elapsedMs / 1000;
        this.#bufferPercent = 100 * round.mapUtilization;
      },
      uncleanable: (topic, partition, sizeBytes, error) => {
        this.#uncleanable.set(`${topic}-${partition}`, sizeBytes);
        report(`${topic}-${partition} cannot be compacted and stays as it is: ${error.message}`);
      },
    };
  }

  render(text: PrometheusText): void {
    const cleaner = "kafka_log_logcleaner";
    text.gauge(`${cleaner}_cleaner_recopy_percent`, this.#recopyPercent);
    text.gauge(`${cleaner}_max_clean_time_secs`, this.#lastSeconds);
    text.gauge(`${cleaner}_max_buffer_utilization_percent`, this.#bufferPercent);
    text.gauge(`${cleaner}_deadthreadcount`, 0);
    text.counter(`${cleaner}_rounds_total`, this.#rounds);
    const manager = "kafka_log_logcleanermanager";
    let bytes = 0;
    for (const size of this.#uncleanable.values()) bytes += size;
    text.gauge(`${manager}_uncleanable_partitions_count`, this.#uncleanable.size);
    text.gauge(`${manager}_uncleanable_bytes`, bytes);
  }
}
