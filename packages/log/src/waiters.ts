/**
 * Reads that wait for data (LG9). A parked read is known to each of its partitions; when a high watermark moves (or, for reads of committed
 * data, a last stable offset), the bytes gained are
 * added to its account, and once they reach what it asked for it is read again, after the whole group commit has been
 * applied. So a wake-up costs a few additions per partition, whatever the number of parked reads elsewhere.
 */
import type { Cancel } from "@ottla/platform";
import type { PartitionLog } from "./partition-log.ts";

export class ReadWaiter {
  readonly logs: readonly PartitionLog[];
  /** Whether it waits for committed data. */
  readonly isCommitted: boolean;
  /** Bytes still missing; at zero or below the read is tried again. */
  missingBytes: number;
  isWoken = false;
  cancelTimer: Cancel | null = null;
  readonly #wake: (reason: WakeReason) => void;

  constructor(
    logs: readonly PartitionLog[],
    isCommitted: boolean,
    missingBytes: number,
    wake: (reason: WakeReason) => void,
  ) {
    this.logs = logs;
    this.isCommitted = isCommitted;
    this.missingBytes = missingBytes;
    this.#wake = wake;
  }

  /** Leaves all partitions and calls back, once. */
  finish(reason: WakeReason): void {
    for (const log of this.logs) log.readers?.delete(this);
    this.cancelTimer?.();
    this.#wake(reason);
  }
}

/** `data` and `changed`: read again, and for `changed` answer whatever there is. */
export type WakeReason = "data" | "changed" | "timeout" | "closed";

export class ReadWaiters {
  readonly #parked = new Set<ReadWaiter>();
  #woken: ReadWaiter[] = [];
  /** Grows with each change that a reader might have missed while it was not parked. */
  version = 0;

  get size(): number {
    return this.#parked.size;
  }

  park(waiter: ReadWaiter): void {
    this.#parked.add(waiter);
    for (const log of waiter.logs) {
      log.readers ??= new Set();
      log.readers.add(waiter);
    }
  }

  /** Ends one read early. */
  finish(waiter: ReadWaiter, reason: WakeReason): void {
    if (this.#parked.delete(waiter)) waiter.finish(reason);
  }

  /** Bytes of a partition became readable, and so many below its last stable offset; {@link flush} follows. */
  gained(log: PartitionLog, bytes: number, stableBytes: number): void {
    this.version++;
    if (log.readers === null || log.readers.size === 0) return;
    for (const waiter of log.readers) {
      waiter.missingBytes -= waiter.isCommitted ? stableBytes : bytes;
      if (waiter.missingBytes <= 0 && !waiter.isWoken) {
        waiter.isWoken = true;
        this.#woken.push(waiter);
      }
    }
  }

  /** The partition is gone or changed in a way that readers must hear of at once. */
  changed(log: PartitionLog): void {
    this.version++;
    if (log.readers === null) return;
    for (const waiter of [...log.readers]) this.finish(waiter, "changed");
  }

  /** Wakes the reads that have what they asked for. */
  flush(): void {
    if (this.#woken.length === 0) return;
    const woken = this.#woken;
    this.#woken = [];
    for (const waiter of woken) this.finish(waiter, "data");
  }

  finishAll(reason: WakeReason): void {
    this.version++;
    for (const waiter of [...this.#parked]) this.finish(waiter, reason);
  }
}
