/**
 * Who may come in, and when: how many connections a broker and each of its listeners have at once (`max.connections`, KIP-402), how many are
 * accepted in a second (`max.connection.creation.rate`, KIP-612), and how many come from one address (`max.connections.per.ip`).
 *
 * As in Kafka, one too many for the broker or the listener, or too early, waits until there is room, and those of its listener behind it; one too many
 * of its address is closed. Kafka leaves who waits to the operating system; here it is accepted and not read, {@link MAX_WAITING} at most on
 * a listener: what comes on top is closed.
 */
import type { Cancel, Clock } from "@ottla/platform";
import { ConnectionRate } from "./connection-rate.ts";

/** Asked for each time, so that a change acts at once. */
export interface AdmissionLimits {
  /** `max.connections` */
  readonly maxConnections: number;
  /** `max.connection.creation.rate` */
  readonly connectionsPerSecond: number;
}

export interface BrokerAdmissionLimits extends AdmissionLimits {
  /** `max.connections.per.ip` and its overrides. */
  maxFrom(address: string): number;
}

/** `quota.window.size.seconds` and `quota.window.num`. */
export interface RateWindows {
  readonly windowMs: number;
  readonly windows: number;
}

/** Somebody at the gate. Exactly one of the two is called, or none when the gate closes. */
export interface Visitor {
  readonly address: string;
  enter(): void;
  refuse(): void;
}

/** A connection that may have to go when the broker has too many. */
export interface Evictable {
  /** Monotonic time in ms. */
  readonly lastActiveMs: number;
  close(): void;
}

export const MAX_WAITING = 511;

/** The connections of one broker. */
export class Admission {
  readonly limits: BrokerAdmissionLimits;
  readonly clock: Clock;
  readonly windows: RateWindows;
  readonly rate: ConnectionRate;
  readonly #gates: Gate[] = [];
  readonly #perAddress = new Map<string, number>();

  constructor(limits: BrokerAdmissionLimits, windows: RateWindows, clock: Clock) {
    this.limits = limits;
    this.clock = clock;
    this.windows = windows;
    this.rate = new ConnectionRate(windows.windowMs, windows.windows);
  }

  /**
   * The way in by one listener.
   * @param isProtected a listener between brokers, beside others: the broker's own limits do not hold for it, only the listener's.
   */
  gate(limits: AdmissionLimits, isProtected: boolean, inside: () => Iterable<Evictable>): Gate {
    const gate = new Gate(this, limits, isProtected, inside);
    this.#gates.push(gate);
    return gate;
  }

  get count(): number {
    let count = 0;
    for (const gate of this.#gates) count += gate.count;
    return count;
  }

  /** Limits may have changed: of those too many the longest silent are closed, or who waits comes in. */
  limitsChanged(): void {
    const excess = this.count - this.limits.maxConnections;
    if (excess > 0) {
      const idlest = this.#gates
        .filter((gate) => !gate.isProtected)
        .flatMap((gate) => [...gate.inside()])
        .sort((a, b) => a.lastActiveMs - b.lastActiveMs);
      for (const connection of idlest.slice(0, excess)) connection.close();
    }
    this.letIn();
  }

  letIn(): void {
    for (const gate of this.#gates) gate.letIn();
  }

  /** Counts one more from the address, unless that is one too many. */
  take(address: string): boolean {
    const count = this.#perAddress.get(address) ?? 0;
    if (count >= this.limits.maxFrom(address)) return false;
    this.#perAddress.set(address, count + 1);
    return true;
  }

  give(address: string): void {
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }
}

/** The way into one listener: in the order of arrival. */
export class Gate {
  readonly isProtected: boolean;
  readonly inside: () => Iterable<Evictable>;
  readonly #admission: Admission;
  readonly #limits: AdmissionLimits;
  readonly #rate: ConnectionRate;
  readonly #waiting: Visitor[] = [];
  /** When the first of those waiting may come in as far as rates go; null when it has not been asked yet. */
  #dueMs: number | null = null;
  #cancel: Cancel | null = null;
  #isClosed = false;
  #count = 0;

  constructor(
    admission: Admission,
    limits: AdmissionLimits,
    isProtected: boolean,
    inside: () => Iterable<Evictable>,
  ) {
    this.#admission = admission;
    this.#limits = limits;
    this.isProtected = isProtected;
    this.inside = inside;
    this.#rate = new ConnectionRate(admission.windows.windowMs, admission.windows.windows);
  }

  /** Who came in and has not left. */
  get count(): number {
    return this.#count;
  }

  arrive(visitor: Visitor): void {
    if (this.#isClosed || this.#waiting.length >= MAX_WAITING) {
      visitor.refuse();
      return;
    }
    this.#waiting.push(visitor);
    this.letIn();
  }

  /** Who came in from the address has gone. */
  leave(address: string): void {
    this.#count--;
    this.#admission.give(address);
    this.#admission.letIn();
  }

  /** Nobody comes in any more; who waits is refused. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
    for (const visitor of this.#waiting.splice(0)) visitor.refuse();
  }

  /** Lets in whoever has waited long enough, as long as there is room. */
  letIn(): void {
    while (this.#waiting.length > 0 && this.#isDue() && this.#hasRoom()) {
      const visitor = this.#waiting.shift()!;
      this.#dueMs = null;
      if (this.#admission.take(visitor.address)) {
        this.#count++;
        visitor.enter();
      } else visitor.refuse();
    }
  }

  #isDue(): boolean {
    const nowMs = this.#admission.clock.monotonic();
    this.#dueMs ??= nowMs + this.#throttleMs(nowMs);
    if (this.#dueMs <= nowMs) return true;
    this.#cancel ??= this.#admission.clock.schedule(this.#dueMs - nowMs, () => {
      this.#cancel = null;
      this.letIn();
    });
    return false;
  }

  #throttleMs(nowMs: number): number {
    const own = this.#rate.record(nowMs, this.#limits.connectionsPerSecond);
    if (this.isProtected) return own;
    const { rate, limits } = this.#admission;
    return Math.max(own, rate.record(nowMs, limits.connectionsPerSecond));
  }

  #hasRoom(): boolean {
    if (this.#count >= this.#limits.maxConnections) return false;
    return this.isProtected || this.#admission.count < this.#admission.limits.maxConnections;
  }
}
