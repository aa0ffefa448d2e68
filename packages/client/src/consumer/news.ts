import type { Cluster } from "../cluster.ts";
import { holdProcess } from "../transport/hold.ts";

/** Wakes one waiting poll. */
export class News {
  readonly #cluster: Cluster;
  #wake: (() => void) | null = null;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** There is something to look at. */
  tell(): void {
    this.#wake?.();
  }

  /** Resolves at the next news after this call, so that nothing between a look and the wait is missed. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Waits for `news` from {@link next}, the time or the signal, whatever comes first; holds the process meanwhile. */
  async wait(news: Promise<void>, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const release = holdProcess();
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = Number.isFinite(timeoutMs)
      ? this.#cluster.options.clock.schedule(Math.max(0, timeoutMs), resolve)
      : () => {};
    const onAbort = () => resolve();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([news, promise]);
    } finally {
      cancel();
      release();
      signal?.removeEventListener("abort", onAbort);
    }
  }
}
