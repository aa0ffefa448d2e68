/**
 * The heartbeats of a member that learns everything by them (KIP-848 and share groups): one in flight at a time, the next one after the
 * interval the coordinator asked for, or at once when there is something to tell. They run beside the application, whatever it does.
 */
import type { Cluster } from "../cluster.ts";
import { ClosedError } from "../errors.ts";
import { sleep } from "../transport/backoff.ts";
import type { Role } from "../transport/brokers.ts";
import type { Connection } from "../transport/connection.ts";

export interface HeartOptions {
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly role: Role;
  /** Sends one heartbeat, takes in its answer and resolves with the milliseconds until the next. */
  readonly beat: (connection: Connection, signal: AbortSignal) => Promise<number>;
  /** A heartbeat failed. False ends the heartbeats. */
  readonly onError: (error: unknown) => boolean;
}

export class Heart {
  readonly #options: HeartOptions;
  readonly #abort = new AbortController();
  #isDue = false;
  #wake: (() => void) | null = null;

  constructor(options: HeartOptions) {
    this.#options = options;
    this.#run().catch(() => {});
  }

  get isBeating(): boolean {
    return !this.#abort.signal.aborted;
  }

  /** Does not wait for the interval: there is something to tell. */
  beatNow(): void {
    this.#isDue = true;
    this.#wake?.();
  }

  stop(): void {
    this.#abort.abort(new ClosedError("the membership"));
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { cluster, groupId, role, beat, onError } = this.#options;
    const { signal } = this.#abort;
    const { clock } = cluster.options;
    const backoff = cluster.backoff();
    while (!signal.aborted) {
      try {
        const connection = await cluster.coordinator("group", groupId, role, signal);
        this.#isDue = false;
        const intervalMs = await beat(connection, signal);
        backoff.reset();
        await this.#pause(intervalMs);
      } catch (error) {
        if (signal.aborted) return;
        cluster.forgetCoordinatorIfMoved("group", groupId, error);
        if (!onError(error)) {
          this.stop();
          return;
        }
        await sleep(clock, backoff.nextMs(), signal);
      }
    }
  }

  async #pause(intervalMs: number): Promise<void> {
    if (this.#isDue) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const cancel = this.#options.cluster.options.clock.schedule(intervalMs, resolve);
    try {
      await promise;
    } finally {
      cancel();
      this.#wake = null;
    }
  }
}
