/** Accepts connections on one address and keeps count of them. */
import { createServer, type Server, type Socket } from "node:net";
import type { Cancel, Clock } from "@ottla/platform";
import type { Admission, AdmissionLimits, Gate } from "./admission.ts";
import { Connection, type ConnectionLimits, type FrameServer } from "./connection.ts";
import { plainAddress } from "./plain-address.ts";
import { withSharedRead } from "./shared-read.ts";

export interface ListenerOptions {
  /** `PLAINTEXT`, or whatever the operator calls it. */
  readonly name: string;
  /** Address to bind; empty for all, IPv6 included where there is any. */
  readonly host: string;
  /** 0 for one that the operating system picks. */
  readonly port: number;
  readonly limits: ConnectionLimits;
  /** `connections.max.idle.ms`; −1 for no limit. */
  readonly maxIdleMs: number;
  /** Who may come in: of all listeners of the broker, and by this one. */
  readonly admission: Admission;
  readonly admissionLimits: AdmissionLimits;
  /** Brokers use it among themselves, and clients have another. */
  readonly isBetweenBrokers: boolean;
  readonly clock: Clock;
  readonly server: Omit<FrameServer, "closed">;
  readonly probe: ListenerProbe;
}

export interface ListenerProbe {
  connectionOpened(listener: string): void;
  /** `address` is the peer's; `cause` is null for a close by the peer or by us. */
  connectionClosed(listener: string, address: string, cause: unknown): void;
}

const BACKLOG = 511;
/** How long a peer has to close its side after it was given all its answers. */
const LINGER_MS = 250;
/** How long a peer may hold memory that others wait for with a frame that it does not go on with, or hardly. */
const STALL_MS = 3_000;
const STALL_CHECK_MS = STALL_MS / 4;
const IDLE_CHECKS_PER_LIMIT = 4;

export class Listener {
  readonly name: string;
  readonly #options: ListenerOptions;
  readonly #connections = new Set<Connection>();
  readonly #gate: Gate;
  readonly #servers: Server[] = [];
  #cancelIdleCheck: Cancel | null = null;
  #cancelStallCheck: Cancel | null = null;
  #onEmpty: (() => void) | null = null;
  #port = 0;
  /** Who has connected before {@link open}; null from then on. */
  #early: Socket[] | null = [];

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.name = options.name;
    this.#gate = options.admission.gate(
      options.admissionLimits,
      options.isBetweenBrokers,
      () => this.#connections,
    );
  }

  /** The port bound, known once {@link listen} resolved. */
  get port(): number {
    return this.#port;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  connections(): Iterable<Connection> {
    return this.#connections;
  }

  /**
   * Binds. Who connects now waits for {@link open}: what is asked may concern listeners that are not bound yet. The host `localhost` is bound on both loopback addresses where both exist, since clients differ in
   * which they try first.
   * @throws the operating system's error, such as EADDRINUSE.
   */
  async listen(): Promise<void> {
    const { host, port } = this.#options;
    this.#port = await this.#bind(host === "localhost" ? "127.0.0.1" : host, port);
    if (host === "localhost") {
      // No IPv6 on this machine, or somebody else has the port there: IPv4 alone will do.
      await this.#bind("::1", this.#port).catch(() => this.#port);
    }
    this.#scheduleIdleCheck();
    this.#scheduleStallCheck();
  }

  /** Starts to accept, those first who wait already. */
  open(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const socket of early) this.#arrive(socket);
  }

  /** Stops accepting; connections in place go on. */
  stopAccepting(): void {
    for (const socket of this.#early ?? []) socket.destroy();
    for (const server of this.#servers) server.close();
    this.#gate.close();
  }

  /** Lets every connection finish what it has begun and resolves when all are closed, at the latest after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.#cancelIdleCheck?.();
    this.#cancelStallCheck?.();
    this.stopAccepting();
    for (const connection of this.#connections) connection.drain();
    if (this.#connections.size === 0) return;
    const { clock } = this.#options;
    const deadlineMs = clock.monotonic() + timeoutMs;
    await new Promise<void>((resolve) => {
      let cancel: Cancel = () => {};
      this.#onEmpty = () => {
        cancel();
        resolve();
      };
      const check = () => {
        const isLate = clock.monotonic() >= deadlineMs;
        for (const connection of this.#connections) {
          if (isLate || connection.isSettled) connection.close();
        }
        if (this.#connections.size > 0) cancel = clock.schedule(LINGER_MS, check);
      };
      cancel = clock.schedule(LINGER_MS, check);
    });
  }

  #bind(host: string, port: number): Promise<number> {
    const options = { highWaterMark: SOCKET_BUFFER_BYTES, pauseOnConnect: true };
    const server = createServer(options, (socket) => this.#arrive(socket));
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      const address = host === "" ? { port } : { host, port };
      server.listen({ ...address, backlog: BACKLOG }, () => {
        server.off("error", reject);
        server.on("error", () => {});
        const bound = server.address();
        resolve(typeof bound === "object" && bound !== null ? bound.port : port);
      });
    });
  }

  #arrive(accepted: Socket): void {
    if (this.#early !== null) {
      this.#early.push(accepted);
      return;
    }
    const address = plainAddress(accepted.remoteAddress ?? "");
    this.#gate.arrive({
      address,
      enter: () => this.#accept(accepted, address),
      refuse: () => accepted.destroy(),
    });
  }

  #accept(accepted: Socket, address: string): void {
    const { name, limits, server, clock, probe } = this.#options;
    const frames: FrameServer = {
      serve: (connection, frame, exchange) => server.serve(connection, frame, exchange),
      mayOverlap: (frame) => server.mayOverlap(frame),
      isLent: (frame) => server.isLent(frame),
      closed: (connection, cause) => this.#closed(connection, address, cause),
    };
    const socket = withSharedRead(accepted, SOCKET_BUFFER_BYTES, (chunk) =>
      connection.receive(chunk),
    );
    const connection = new Connection(socket, name, frames, limits, () => clock.monotonic());
    this.#connections.add(connection);
    probe.connectionOpened(name);
  }

  #closed(connection: Connection, address: string, cause: unknown): void {
    if (!this.#connections.delete(connection)) return;
    this.#gate.leave(address);
    this.#options.probe.connectionClosed(this.name, address, cause);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  #scheduleStallCheck(): void {
    const { limits, clock } = this.#options;
    const dueMs = clock.monotonic() + STALL_CHECK_MS;
    this.#cancelStallCheck = clock.schedule(STALL_CHECK_MS, () => {
      const nowMs = clock.monotonic();
      // Who holds up the event loop keeps us from reading what peers sent meanwhile: the next check can tell.
      const isLate = nowMs - dueMs >= STALL_CHECK_MS;
      if (limits.budget.isContended && !isLate) {
        for (const connection of this.#connections) {
          if (connection.isStalledSince(nowMs - STALL_MS)) connection.close(new StalledFrame());
        }
      }
      this.#scheduleStallCheck();
    });
  }

  #scheduleIdleCheck(): void {
    const { maxIdleMs, clock } = this.#options;
    if (maxIdleMs < 0) return;
    this.#cancelIdleCheck = clock.schedule(maxIdleMs / IDLE_CHECKS_PER_LIMIT, () => {
      const before = clock.monotonic() - maxIdleMs;
      for (const connection of this.#connections) {
        if (connection.isIdleSince(before)) connection.close();
      }
      this.#scheduleIdleCheck();
    });
  }
}

/** Somebody waited for the memory of a frame whose sender fell silent, or sent too little. */
export class StalledFrame extends Error {
  override readonly name = "StalledFrame";

  constructor() {
    super(`too little came in ${STALL_MS} ms of a frame whose memory others waited for`);
  }
}

/** Bytes of responses a socket may hold before the peer counts as slow. */
const SOCKET_BUFFER_BYTES = 1_048_576;
