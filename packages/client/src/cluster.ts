/**
 * What everything above the transport shares: the brokers, what is known of them, and one way to repeat a call until it succeeds, fails
 * for good or runs out of time.
 */
import type { Api, RequestInput, ResponseOf } from "@ottla/protocol";
import { isBrokerError } from "./broker-error.ts";
import { BrokerError, isRetriable, TimeoutError } from "./errors.ts";
import type { ResolvedOptions } from "./options.ts";
import { Backoff, sleep } from "./transport/backoff.ts";
import { Brokers, type Role } from "./transport/brokers.ts";
import type { Connection, RequestOptions } from "./transport/connection.ts";
import { Coordinators, type CoordinatorType } from "./transport/coordinators.ts";
import { Metadata } from "./transport/metadata.ts";
import type { VersionBounds } from "./transport/versions.ts";

export interface CallOptions {
  /** Ends the call early with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** For the whole call, retries included; the client's `callTimeoutMs` when left out. */
  readonly timeoutMs?: number | undefined;
}

export class Cluster {
  readonly options: ResolvedOptions;
  readonly brokers: Brokers;
  readonly metadata: Metadata;
  readonly coordinators: Coordinators;
  #consumers = 0;

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.brokers = new Brokers(options);
    this.metadata = new Metadata(options, this.brokers);
    this.coordinators = new Coordinators(this.brokers);
  }

  /** A number for the connections of one consumer. */
  nextConsumer(): number {
    return this.#consumers++;
  }

  /** A monotonic instant in milliseconds. */
  now(): number {
    return this.options.clock.monotonic();
  }

  backoff(baseMs: number = this.options.retryBackoffMs): Backoff {
    const { random, retryBackoffMaxMs } = this.options;
    return new Backoff(random, { baseMs, maxMs: Math.max(baseMs, retryBackoffMaxMs) });
  }

  /**
   * Runs `attempt` until it succeeds or fails with an error that no retry cures, with growing pauses.
   * @throws the error that is not retriable, {@link TimeoutError} with the last one as its cause, or the signal's reason
   */
  async retry<T>(
    what: string,
    options: CallOptions & { readonly firstPauseMs?: number },
    attempt: (request: RequestOptions) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? this.options.callTimeoutMs;
    const deadlineMs = this.now() + timeoutMs;
    const backoff = this.backoff(options.firstPauseMs);
    for (;;) {
      options.signal?.throwIfAborted();
      const leftMs = deadlineMs - this.now();
      try {
        const requestMs = Math.max(1, Math.min(leftMs, this.options.requestTimeoutMs));
        return await attempt({ timeoutMs: requestMs, signal: options.signal });
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!isRetriable(error)) throw error;
        const pauseMs = backoff.nextMs();
        if (this.now() + pauseMs >= deadlineMs) throw new TimeoutError(what, timeoutMs, error);
        await sleep(this.options.clock, pauseMs, options.signal);
      }
    }
  }

  /** One request to any broker; `check` throws what its answer says. Retried as a whole. */
  callAny<A extends Api>(
    api: A,
    body: RequestInput<A>,
    check: (response: ResponseOf<A>) => void,
    options: CallOptions = {},
  ): Promise<ResponseOf<A>> {
    return this.retry(api.name, options, async (request) => {
      const connection = await this.brokers.any(options.signal);
      return checked(await connection.request(api, body, request), check);
    });
  }

  /** One request to the controller, which is looked for again when it moved. */
  callController<A extends Api>(
    api: A,
    body: RequestInput<A>,
    check: (response: ResponseOf<A>) => void,
    options: CallOptions = {},
  ): Promise<ResponseOf<A>> {
    return this.retry(api.name, options, async (request) => {
      try {
        const connection = await this.#controller(options.signal);
        return checked(await connection.request(api, body, request), check);
      } catch (error) {
        if (!(error instanceof BrokerError) || isBrokerError(error, "NOT_CONTROLLER")) {
          this.metadata.controllerId = -1;
        }
        throw error;
      }
    });
  }

  /** One request to one broker. */
  callBroker<A extends Api>(
    nodeId: number,
    api: A,
    body: RequestInput<A>,
    check: (response: ResponseOf<A>) => void,
    options: CallOptions & VersionBounds = {},
  ): Promise<ResponseOf<A>> {
    return this.retry(api.name, options, async (request) => {
      if (!this.brokers.has(nodeId)) await this.metadata.refresh([], options.signal);
      const connection = await this.brokers.connection(nodeId, "admin", options.signal);
      return checked(
        await connection.request(api, body, { ...request, ...boundsOf(options) }),
        check,
      );
    });
  }

  /** One request to the coordinator of a group or transactional id, which is looked for again when it moved. */
  callCoordinator<A extends Api>(
    type: CoordinatorType,
    key: string,
    api: A,
    body: RequestInput<A>,
    check: (response: ResponseOf<A>) => void,
    options: CallOptions &
      VersionBounds & {
        readonly role?: Role;
        readonly firstPauseMs?: number;
      } = {},
  ): Promise<ResponseOf<A>> {
    return this.retry(api.name, options, async (request) => {
      try {
        const connection = await this.coordinator(
          type,
          key,
          options.role ?? "admin",
          options.signal,
        );
        const response = await connection.request(api, body, { ...request, ...boundsOf(options) });
        return checked(response, check);
      } catch (error) {
        this.forgetCoordinatorIfMoved(type, key, error);
        throw error;
      }
    });
  }

  async coordinator(
    type: CoordinatorType,
    key: string,
    role: Role,
    signal?: AbortSignal,
  ): Promise<Connection> {
    const nodeId = await this.coordinators.find(type, key, signal);
    return await this.brokers.connection(nodeId, role, signal);
  }

  /** Whatever but the coordinator's own verdict may mean that it moved. */
  forgetCoordinatorIfMoved(type: CoordinatorType, key: string, error: unknown): void {
    if (
      !(error instanceof BrokerError) ||
      isBrokerError(error, "NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE")
    ) {
      this.coordinators.invalidate(type, key);
    }
  }

  async close(): Promise<void> {
    this.metadata.close();
    await this.brokers.close();
  }

  async #controller(signal: AbortSignal | undefined): Promise<Connection> {
    if (!this.brokers.has(this.metadata.controllerId)) await this.metadata.refresh([], signal);
    const id = this.metadata.controllerId;
    return this.brokers.has(id)
      ? await this.brokers.connection(id, "admin", signal)
      : await this.brokers.any(signal);
  }
}

function boundsOf({ min, max }: VersionBounds): VersionBounds {
  return { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
}

function checked<R>(response: R, check: (response: R) => void): R {
  check(response);
  return response;
}
