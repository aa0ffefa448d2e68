import type { ClientJob } from "../job.ts";
import type { Tally } from "../tally.ts";

/** A library under comparison, used in the fastest way its documentation offers. */
export interface Contestant {
  /** Resolves when the brokers have acknowledged every record. `values` are sent in turn. */
  produce(job: ClientJob, values: readonly Buffer[]): Promise<void>;
  /** Reads all partitions from the beginning and looks at each value; resolves when the tally is complete. */
  consume(job: ClientJob, tally: Tally): Promise<void>;
}
