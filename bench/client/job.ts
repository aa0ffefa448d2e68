/** What a client under comparison is asked to do and what it answers. Both cross a process boundary as JSON. */

export const clientNames = ["ottla", "kafkajs", "platformatic", "kcat"] as const;
export type ClientName = (typeof clientNames)[number];
/** Those that are libraries for Node; kcat is a program of its own. */
export type LibraryName = Exclude<ClientName, "kcat">;

export type Compression = "none" | "lz4";

export interface ClientJob {
  readonly kind: "produce" | "consume";
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  /** Size of each record's value; keys are null. */
  readonly valueBytes: number;
  readonly compression: Compression;
}

export interface ClientResult {
  /** Until everything was acknowledged or read: of kcat from its start, of libraries from when their module was loaded and their group joined. */
  readonly seconds: number;
  /** User and system time of the whole process from its start. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

/** The same for every client that has such a setting; those without batch by hand to the same size. */
export const batchBytes = 64 * 1024;
export const lingerMs = 5;
