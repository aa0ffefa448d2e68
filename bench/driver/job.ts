/** What the driver process is asked to do and what it answers. Both cross a process boundary as JSON. */

export type Job = ProduceJob | FetchJob | LatencyJob | TransactionJob | KeyedJob;

interface Target {
  readonly port: number;
  /** Process whose CPU time is read at both ends of the measured window. */
  readonly pid: number;
  readonly topic: string;
  readonly partitions: number;
}

/** As many requests as `inFlight` on each connection allows, for `seconds` or for `totalBatches`. */
export interface ProduceJob extends Target {
  readonly kind: "produce";
  /** −1 (all) or 1. */
  readonly acks: number;
  readonly recordsPerBatch: number;
  readonly valueBytes: number;
  /** How many partitions get a batch with one request. */
  readonly partitionsPerRequest: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** Stop after so many batches, a multiple of `partitionsPerRequest`; null: stop by time. */
  readonly totalBatches: number | null;
}

/** Reads partitions that a ProduceJob with the same batch shape has filled. */
export interface FetchJob extends Target {
  readonly kind: "fetch";
  readonly recordsPerBatch: number;
  readonly valueBytes: number;
  readonly connections: number;
  readonly partitionMaxBytes: number;
  readonly warmupSeconds: number;
  /** Reads the log again and again until the time is up; null: reads it once. */
  readonly seconds: number | null;
}

/** Single records at a fixed rate, whatever the answers do; each is timed from the instant it was due. */
export interface LatencyJob extends Target {
  readonly kind: "latency";
  readonly acks: number;
  readonly valueBytes: number;
  readonly connections: number;
  readonly ratePerSecond: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** Producers that commit in an interval. The result's requests are transactions, its latencies those of the commits. */
export interface TransactionJob extends Target {
  readonly kind: "transactions";
  readonly valueBytes: number;
  readonly producers: number;
  readonly commitEveryMs: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** Fills partition 0 with records of random keys, or reads it and checks that the last value of each key is there. */
export interface KeyedJob extends Target {
  readonly kind: "fill-keys" | "check-keys";
  readonly records: number;
  /** How many different ones. */
  readonly keys: number;
  readonly valueBytes: number;
}

/** Of the measured window only. */
export interface JobResult {
  readonly seconds: number;
  readonly requests: number;
  readonly records: number;
  /** Bytes of record values. */
  readonly valueBytes: number;
  readonly brokerCpuSeconds: number;
  /** Of the driver's own process: when it nears `seconds`, the driver and not the broker is the limit. */
  readonly driverCpuSeconds: number;
  /** From due (latency job) or from written (others) to answered. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number };
  /** Records acknowledged in the whole run, warm-up included. */
  readonly acknowledgedRecords: number;
}
