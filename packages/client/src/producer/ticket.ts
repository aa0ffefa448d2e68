import type { Delivery } from "./record.ts";

/** Who waits for the outcome of records sent in one call. */
export interface Ticket {
  deliver(index: number, delivery: Delivery): void;
  /** The first failure settles the call. */
  fail(error: unknown): void;
}

/** For one record. */
export class SingleTicket implements Ticket {
  readonly #resolve: (delivery: Delivery) => void;
  readonly #reject: (error: unknown) => void;

  constructor(resolve: (delivery: Delivery) => void, reject: (error: unknown) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  deliver(_index: number, delivery: Delivery): void {
    this.#resolve(delivery);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}

/** For several records: resolves when the last one is delivered. */
export class ManyTicket implements Ticket {
  readonly #deliveries: Delivery[];
  #left: number;
  readonly #resolve: (deliveries: readonly Delivery[]) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    count: number,
    resolve: (deliveries: readonly Delivery[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.#deliveries = new Array<Delivery>(count);
    this.#left = count;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  deliver(index: number, delivery: Delivery): void {
    this.#deliveries[index] = delivery;
    if (--this.#left === 0) this.#resolve(this.#deliveries);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}
