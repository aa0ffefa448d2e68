/**
 * The brokers that are known and the connections to them. Each (broker, role) pair has a connection of its own, so that a long-polling
 * fetch or a join that waits for other members holds up nothing else. Connections are opened when first asked for and again after they
 * were lost, with a growing delay per broker while it cannot be reached.
 */
import { ClosedError, ConnectionError, isRetriable } from "../errors.ts";
import type { Address, ResolvedOptions } from "../options.ts";
import { Backoff, sleep } from "./backoff.ts";
import { Connection } from "./connection.ts";

/** What a connection is for. Every consumer has its own to fetch and to its group: both wait at the broker. */
export type Role = "admin" | "produce" | "transaction" | `fetch-${number}` | `group-${number}`;

export interface BrokerAddress extends Address {
  readonly nodeId: number;
  readonly rack: string | null;
}

interface Slot {
  /** The open or opening connection, or null. */
  opening: Promise<Connection> | null;
  connection: Connection | null;
  readonly backoff: Backoff;
  retryAtMs: number;
}

const RECONNECT_BASE_MS = 50;
const RECONNECT_MAX_MS = 1_000;

export class Brokers {
  readonly #options: ResolvedOptions;
  readonly #addresses = new Map<number, BrokerAddress>();
  readonly #slots = new Map<number, Map<Role, Slot>>();
  readonly #bootstrapSlots: Slot[];
  readonly #abort = new AbortController();
  #bootstrapTurn: number;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#bootstrapSlots = options.bootstrap.map(() => this.#newSlot());
    this.#bootstrapTurn = options.random.integer(options.bootstrap.length);
  }

  /** Takes over the addresses of a Metadata answer; a broker that moved gets new connections, one that left loses its own. */
  update(brokers: readonly BrokerAddress[]): void {
    const ids = new Set<number>();
    for (const broker of brokers) {
      ids.add(broker.nodeId);
      this.learn(broker);
    }
    for (const nodeId of this.#addresses.keys()) {
      if (!ids.has(nodeId)) this.#forget(nodeId);
    }
  }

  /** Adds or moves one broker, as error answers may tell (KIP-951). */
  learn(broker: BrokerAddress): void {
    const known = this.#addresses.get(broker.nodeId);
    if (known !== undefined && (known.host !== broker.host || known.port !== broker.port)) {
      this.#forget(broker.nodeId);
    }
    this.#addresses.set(broker.nodeId, broker);
  }

  get known(): readonly BrokerAddress[] {
    return [...this.#addresses.values()];
  }

  has(nodeId: number): boolean {
    return this.#addresses.has(nodeId);
  }

  /** The open connection for a role if there is one, without waiting. */
  open(nodeId: number, role: Role): Connection | null {
    const connection = this.#slots.get(nodeId)?.get(role)?.connection;
    return connection?.isOpen === true ? connection : null;
  }

  /** The connection for a role, opened if need be. @throws {ConnectionError} {@link TimeoutError} or the signal's reason */
  connection(nodeId: number, role: Role, signal?: AbortSignal): Promise<Connection> {
    const address = this.#addresses.get(nodeId);
    if (address === undefined) {
      return Promise.reject(new ConnectionError(`broker ${nodeId}`, 0, "its address is not known"));
    }
    let roles = this.#slots.get(nodeId);
    if (roles === undefined) {
      roles = new Map();
      this.#slots.set(nodeId, roles);
    }
    let slot = roles.get(role);
    if (slot === undefined) {
      slot = this.#newSlot();
      roles.set(role, slot);
    }
    return this.#connect(slot, address, signal);
  }

  /**
   * A connection to whichever broker answers, for requests any broker can serve: an open one, else the known brokers in random order,
   * else the bootstrap servers (KIP-899).
   */
  async any(signal?: AbortSignal): Promise<Connection> {
    for (const nodeId of this.#addresses.keys()) {
      const connection = this.open(nodeId, "admin");
      if (connection !== null) return connection;
    }
    let failure: unknown = null;
    for (const { nodeId } of shuffled([...this.#addresses.values()], this.#options)) {
      try {
        return await this.connection(nodeId, "admin", signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!isRetriable(error)) throw error;
        failure = error;
      }
    }
    for (let i = 0; i < this.#bootstrapSlots.length; i++) {
      const index = (this.#bootstrapTurn + i) % this.#bootstrapSlots.length;
      const slot = this.#bootstrapSlots[index]!;
      try {
        const connection = await this.#connect(slot, this.#options.bootstrap[index]!, signal);
        this.#bootstrapTurn = index;
        return connection;
      } catch (error) {
        signal?.throwIfAborted();
        if (!isRetriable(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** Closes the bootstrap connections: brokers are reached by their own addresses from now on. */
  closeBootstrap(): void {
    for (const slot of this.#bootstrapSlots) {
      slot.connection?.close().catch(() => {});
      slot.connection = null;
      slot.opening = null;
    }
  }

  /** Forgets all brokers, so that the bootstrap servers are asked next (KIP-1102). */
  rebootstrap(): void {
    for (const nodeId of [...this.#addresses.keys()]) this.#forget(nodeId);
  }

  /** Closes the connections of a role that is needed no more. */
  async release(role: Role): Promise<void> {
    await Promise.all(
      [...this.#slots.values()].map(async (roles) => {
        const slot = roles.get(role);
        roles.delete(role);
        const connection = slot?.connection ?? (await slot?.opening?.catch(() => null));
        await connection?.close();
      }),
    );
  }

  async close(): Promise<void> {
    this.#abort.abort(new ClosedError("the client"));
    const slots = [...this.#slots.values()].flatMap((roles) => [...roles.values()]);
    await Promise.all(
      [...slots, ...this.#bootstrapSlots].map(async (slot) => {
        const connection = slot.connection ?? (await slot.opening?.catch(() => null));
        await connection?.close();
      }),
    );
  }

  #newSlot(): Slot {
    const backoff = new Backoff(this.#options.random, {
      baseMs: RECONNECT_BASE_MS,
      maxMs: RECONNECT_MAX_MS,
    });
    return { opening: null, connection: null, backoff, retryAtMs: 0 };
  }

  #connect(slot: Slot, address: Address, signal: AbortSignal | undefined): Promise<Connection> {
    if (slot.connection?.isOpen === true) return Promise.resolve(slot.connection);
    if (slot.opening === null) {
      const opening = this.#open(slot, address);
      slot.opening = opening;
      // Whoever asked first may have given up; others see the outcome by awaiting it.
      opening
        .catch(() => {})
        .finally(() => {
          if (slot.opening === opening) slot.opening = null;
        });
    }
    return signal === undefined ? slot.opening : untilAborted(slot.opening, signal);
  }

  async #open(slot: Slot, { host, port }: Address): Promise<Connection> {
    const signal = this.#abort.signal;
    const { clock } = this.#options;
    signal.throwIfAborted();
    const waitMs = slot.retryAtMs - clock.monotonic();
    if (waitMs > 0) await sleep(clock, waitMs, signal);
    try {
      const connection = await Connection.open(host, port, this.#options, signal);
      slot.backoff.reset();
      slot.connection = connection;
      return connection;
    } catch (error) {
      slot.retryAtMs = clock.monotonic() + slot.backoff.nextMs();
      throw error;
    }
  }

  #forget(nodeId: number): void {
    this.#addresses.delete(nodeId);
    const roles = this.#slots.get(nodeId);
    if (roles === undefined) return;
    this.#slots.delete(nodeId);
    for (const slot of roles.values()) {
      const close = (connection: Connection) => connection.close();
      if (slot.connection !== null) close(slot.connection).catch(() => {});
      else slot.opening?.then(close).catch(() => {});
    }
  }
}

/** Waits for `promise` no longer than until the signal aborts. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() =>
    signal.removeEventListener("abort", onAbort),
  );
}

function shuffled<T>(items: T[], { random }: ResolvedOptions): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const item = items[i]!;
    items[i] = items[j]!;
    items[j] = item;
  }
  return items;
}
