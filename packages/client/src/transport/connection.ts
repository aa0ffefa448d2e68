/**
 * One connection to one broker.
 *
 * Requests are written as they come and answered in order, so what is in flight is a queue and a response belongs to its head; a
 * correlation id that disagrees means the stream is broken. A request that is not answered in time closes the connection, since all
 * behind it wait for the same answer; what was in flight then fails with {@link ConnectionError} and its effect is unknown.
 *
 * A SASL session may end (KIP-368): then the connection authenticates again before it does, with the same mechanism, and requests wait
 * until that is done, since the broker takes nothing else in between. If it fails, the connection is closed.
 *
 * The writes of one turn of the event loop leave in one system call. While the broker throttles (KIP-219) requests wait here; their
 * deadlines run. Nothing bounds the queue but the callers: the producer's and fetcher's in-flight limits, awaited calls elsewhere.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, TLSSocket, type ConnectionOptions as TlsOptions } from "node:tls";
import type { Cancel, Clock } from "@ottla/platform";
import {
  type Api,
  apiVersions,
  encodeRequest,
  type RequestInput,
  type ResponseOf,
} from "@ottla/protocol";
import type { SaslMechanism } from "@ottla/security";
import { throwIfError } from "../broker-error.ts";
import type { BytePool } from "../byte-pool.ts";
import {
  AuthenticationError,
  ClosedError,
  ConnectionError,
  MalformedResponseError,
  TimeoutError,
} from "../errors.ts";
import { authenticate, type SaslCarrier } from "./authenticate.ts";
import { FrameReader } from "./frame-reader.ts";
import { Inlet } from "./inlet.ts";
import { Pending, UNSUPPORTED_VERSION } from "./pending.ts";
import { type VersionBounds, VersionTable } from "./versions.ts";

/** Opens a byte stream to a broker; for tests and proxies. It must connect or fail on its own. */
export type Dial = (host: string, port: number) => Socket;

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly memory: BytePool;
  readonly tls: TlsOptions | null;
  readonly sasl: SaslMechanism | null;
  readonly dial: Dial | null;
}

export interface RequestOptions extends VersionBounds {
  /** Instead of the connection's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Stops waiting for the answer; the request itself is not undone. */
  readonly signal?: AbortSignal | undefined;
}

const SOFTWARE_NAME = "ottla";
const SOFTWARE_VERSION = "0.1.0";
const KEEP_ALIVE_MS = 30_000;
/** The part of a session's life after which it is renewed. */
const RENEW_AT = 0.85;

export class Connection {
  readonly host: string;
  readonly port: number;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #inFlight: Pending[] = [];
  /** Encoded requests that wait for the end of a throttle. */
  #held: Buffer[] = [];
  #cancelHold: Cancel | null = null;
  #mutedUntilMs = 0;
  #corked = false;
  #correlationId = 0;
  #cancelTimer: Cancel | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #versions: VersionTable | null = null;
  /** Requests that wait for the session to be renewed; null at all other times. */
  #parked: (() => void)[] | null = null;
  #renewal: Promise<void> | null = null;
  #cancelRenewal: Cancel | null = null;
  #failure: Error | null = null;
  #draining: (() => void) | null = null;
  readonly #closed = Promise.withResolvers<void>();

  private constructor(
    host: string,
    port: number,
    options: ConnectionOptions,
    socket: Socket,
    inlet: Inlet | null,
  ) {
    this.host = host;
    this.port = port;
    this.#options = options;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    if (inlet === null) {
      const { maxResponseBytes, memory } = options;
      const reader = new FrameReader(maxResponseBytes, memory, (frame) => this.#onFrame(frame));
      socket.on("data", (chunk: Buffer) => this.#receive(() => reader.push(chunk)));
    } else {
      inlet.onRead = (read) => this.#receive(read);
      inlet.onFrame = (frame) => this.#onFrame(frame);
    }
    socket.on("error", (error) => this.destroy(isUntrusted(socket) ? untrusted(error) : error));
    socket.on("close", () => this.destroy(null));
  }

  /**
   * Connects, learns the broker's versions and authenticates. The first request is on its way with the first packet.
   * @throws {ConnectionError} {@link TimeoutError} {@link AuthenticationError} or the signal's reason
   */
  static async open(
    host: string,
    port: number,
    options: ConnectionOptions,
    signal?: AbortSignal,
  ): Promise<Connection> {
    signal?.throwIfAborted();
    const isPlain = options.dial === null && options.tls === null;
    const inlet = isPlain ? new Inlet(options.maxResponseBytes, options.memory) : null;
    const socket = options.dial?.(host, port) ?? dial(host, port, options.tls, inlet);
    const connection = new Connection(host, port, options, socket, inlet);
    const onAbort = () => connection.destroy(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const cancel = options.clock.schedule(options.connectTimeoutMs, () =>
      connection.destroy(new TimeoutError(`connect to ${host}:${port}`, options.connectTimeoutMs)),
    );
    try {
      await connection.#negotiate();
      if (options.sasl !== null) await connection.#authenticate(options.sasl, () => {});
      return connection;
    } catch (error) {
      connection.destroy(error as Error);
      throw error;
    } finally {
      cancel();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** What the broker serves. */
  get versions(): VersionTable {
    return this.#versions!;
  }

  /** False once it was closed or lost. */
  get isOpen(): boolean {
    return this.#failure === null && this.#draining === null;
  }

  /** Requests without an answer yet. */
  get inFlight(): number {
    return this.#inFlight.length;
  }

  /** Resolves when the connection is gone, for whatever reason. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Sends a request and resolves with its response, whose byte fields are views of the received frame.
   * @throws {UnsupportedError} {@link ConnectionError} {@link TimeoutError}
   */
  request<A extends Api>(
    api: A,
    body: RequestInput<A>,
    options?: RequestOptions,
  ): Promise<ResponseOf<A>> {
    if (this.#parked !== null) {
      const { promise, resolve } = Promise.withResolvers<ResponseOf<A>>();
      this.#parked.push(() => resolve(this.request(api, body, options)));
      return promise;
    }
    try {
      return this.#send(api, this.versions.pick(api, options), body, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends a request that the broker does not answer (Produce with acks 0). @throws {UnsupportedError} {@link ConnectionError} */
  requestUnanswered<A extends Api>(api: A, body: RequestInput<A>, bounds?: VersionBounds): void {
    this.#throwIfUnusable();
    const version = this.versions.pick(api, bounds);
    const write = () => {
      if (this.#failure === null) this.#write(this.#encode(api, version, body));
    };
    if (this.#parked === null) write();
    else this.#parked.push(write);
  }

  /** Lets what is in flight and waited for finish, refuses new requests, then closes. */
  async close(): Promise<void> {
    this.#cancelRenewal?.();
    await this.#renewal;
    const isAwaited = this.#inFlight.some(({ isAbandoned }) => !isAbandoned);
    if (this.#failure === null && isAwaited) {
      await new Promise<void>((resolve) => {
        const before = this.#draining;
        this.#draining = () => {
          before?.();
          resolve();
        };
      });
    }
    this.destroy(null);
    await this.closed;
  }

  /** Closes at once; what is in flight fails. */
  destroy(cause: unknown): void {
    if (this.#failure !== null) return;
    const failure =
      cause instanceof ConnectionError ||
      cause instanceof ClosedError ||
      cause instanceof AuthenticationError
        ? cause
        : new ConnectionError(
            this.host,
            this.port,
            cause instanceof Error ? cause.message : "the connection was closed",
            cause ?? undefined,
          );
    this.#failure = failure;
    this.#cancelTimer?.();
    this.#cancelHold?.();
    this.#cancelRenewal?.();
    this.#held = [];
    this.#socket.destroy();
    for (const pending of this.#inFlight.splice(0)) {
      pending.reject(
        cause instanceof TimeoutError && pending.deadlineMs <= this.#now() ? cause : failure,
      );
    }
    this.#draining?.();
    this.#closed.resolve();
  }

  async #negotiate(): Promise<void> {
    const body = { clientSoftwareName: SOFTWARE_NAME, clientSoftwareVersion: SOFTWARE_VERSION };
    let response = await this.#send(apiVersions, apiVersions.versions.max, body);
    if (response.errorCode === UNSUPPORTED_VERSION) {
      // KIP-511: the answer came in version 0 and names the range the broker speaks.
      const theirs = response.apiKeys.find(({ apiKey }) => apiKey === apiVersions.key);
      const version = Math.min(apiVersions.versions.max, theirs?.maxVersion ?? 0);
      response = await this.#send(apiVersions, version, body);
    }
    throwIfError(response.errorCode, "ApiVersions");
    this.#versions = new VersionTable(response);
  }

  /** @throws what {@link authenticate} does, or why the connection was closed meanwhile */
  async #authenticate(sasl: SaslMechanism, begin: () => void): Promise<void> {
    const { host, port } = this;
    const request: SaslCarrier["request"] = (api, body, bounds) =>
      this.#send(api, this.versions.pick(api, bounds), body);
    const lifetimeMs = await Promise.race([
      authenticate({ host, port, begin, request }, sasl),
      // A mechanism may take its time, for a token for instance; nobody waits longer than for the connection.
      this.closed.then(() => Promise.reject(this.#failure)),
    ]);
    if (lifetimeMs <= 0) return;
    this.#cancelRenewal = this.#options.clock.schedule(lifetimeMs * RENEW_AT, () => {
      this.#renewal = this.#renew(sasl);
    });
  }

  async #renew(sasl: SaslMechanism): Promise<void> {
    if (!this.isOpen) return;
    const { clock, connectTimeoutMs } = this.#options;
    const what = `authenticate again to ${this.host}:${this.port}`;
    const cancel = clock.schedule(connectTimeoutMs, () =>
      this.destroy(new TimeoutError(what, connectTimeoutMs)),
    );
    const parked: (() => void)[] = [];
    try {
      await this.#authenticate(sasl, () => {
        this.#parked = parked;
      });
    } catch (error) {
      this.destroy(error);
    }
    cancel();
    this.#parked = null;
    this.#renewal = null;
    for (const send of parked) send();
  }

  #send<A extends Api>(
    api: A,
    version: number,
    body: RequestInput<A>,
    options?: RequestOptions,
  ): Promise<ResponseOf<A>> {
    this.#throwIfUnusable();
    const signal = options?.signal;
    signal?.throwIfAborted();
    const timeoutMs = options?.timeoutMs ?? this.#options.requestTimeoutMs;
    const buffers = this.#encode(api, version, body);
    const { promise, resolve, reject } = Promise.withResolvers<ResponseOf<A>>();
    const deadlineMs = this.#now() + timeoutMs;
    const correlationId = this.#correlationId;
    const pending = new Pending(
      api,
      version,
      correlationId,
      deadlineMs,
      timeoutMs,
      resolve as (body: never) => void,
      reject,
    );
    this.#inFlight.push(pending);
    this.#watch(deadlineMs);
    this.#write(buffers);
    if (signal === undefined) return promise;
    const onAbort = () => {
      pending.isAbandoned = true;
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  #encode<A extends Api>(api: A, version: number, body: RequestInput<A>): Buffer[] {
    this.#correlationId = (this.#correlationId + 1) & 0x7fff_ffff;
    const envelope = { correlationId: this.#correlationId, clientId: this.#options.clientId };
    return encodeRequest(api, version, envelope, body);
  }

  #throwIfUnusable(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#draining !== null) throw new ClosedError(`${this.host}:${this.port}`);
  }

  #write(buffers: readonly Buffer[]): void {
    if (this.#mutedUntilMs > 0) {
      const leftMs = this.#mutedUntilMs - this.#now();
      if (leftMs > 0) {
        for (const buffer of buffers) this.#held.push(buffer);
        this.#cancelHold ??= this.#options.clock.schedule(leftMs, () => this.#release());
        return;
      }
      this.#release();
    }
    this.#writeNow(buffers);
  }

  /** Writes what waited for the end of a throttle, unless the broker prolonged it. */
  #release(): void {
    this.#cancelHold?.();
    this.#cancelHold = null;
    const leftMs = this.#mutedUntilMs - this.#now();
    if (leftMs > 0) {
      this.#cancelHold = this.#options.clock.schedule(leftMs, () => this.#release());
      return;
    }
    this.#mutedUntilMs = 0;
    const held = this.#held;
    this.#held = [];
    if (this.#failure === null) this.#writeNow(held);
  }

  #writeNow(buffers: readonly Buffer[]): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    for (const buffer of buffers) this.#socket.write(buffer);
  }

  #receive(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #onFrame(frame: Buffer): void {
    const pending = this.#inFlight.shift();
    if (pending === undefined || frame.length < 4) {
      throw new MalformedResponseError("a response to nothing");
    }
    let body: { readonly throttleTimeMs?: number };
    try {
      if (frame.readInt32BE(0) !== pending.correlationId) {
        throw new MalformedResponseError(
          `the response to ${pending.api.name} carries correlation id ${frame.readInt32BE(0)} instead of ${pending.correlationId}`,
        );
      }
      body = pending.decode(frame);
    } catch (error) {
      const malformed =
        error instanceof MalformedResponseError
          ? error
          : new MalformedResponseError(`the response to ${pending.api.name} is malformed`, error);
      pending.reject(malformed);
      throw malformed;
    }
    const throttleMs = body.throttleTimeMs;
    if (throttleMs !== undefined && throttleMs > 0) {
      this.#mutedUntilMs = Math.max(this.#mutedUntilMs, this.#now() + throttleMs);
    }
    pending.resolve(body as never);
    if (this.#inFlight.length === 0) this.#draining?.();
  }

  /** One timer for all: it fires at the earliest deadline known when it was set and looks again. */
  #watch(deadlineMs: number): void {
    if (deadlineMs >= this.#timerAtMs) return;
    this.#cancelTimer?.();
    this.#timerAtMs = deadlineMs;
    this.#cancelTimer = this.#options.clock.schedule(deadlineMs - this.#now(), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      const now = this.#now();
      let next = Number.POSITIVE_INFINITY;
      for (const pending of this.#inFlight) {
        if (pending.deadlineMs <= now) {
          const what = `${pending.api.name} to ${this.host}:${this.port}`;
          this.destroy(new TimeoutError(what, pending.timeoutMs));
          return;
        }
        next = Math.min(next, pending.deadlineMs);
      }
      if (next < Number.POSITIVE_INFINITY) this.#watch(next);
    });
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}

/** Whether the handshake failed because of the peer's certificate, which no retry cures. */
function isUntrusted(socket: Socket): boolean {
  return socket instanceof TLSSocket && !socket.authorized && Boolean(socket.authorizationError);
}

function untrusted(error: Error): AuthenticationError {
  return new AuthenticationError("TLS", error);
}

function dial(host: string, port: number, tls: TlsOptions | null, inlet: Inlet | null): Socket {
  if (tls === null) {
    return connectTcp({ host, port, noDelay: true, ...(inlet === null ? {} : inlet.options) });
  }
  return connectTls({ ...(isIP(host) === 0 ? { servername: host } : {}), ...tls, host, port });
}
