/** One API as the broker serves it. */
import type { Later } from "@ottla/platform";
import type { Api, RequestOf, ResponseInput, VersionRange } from "@ottla/protocol";
import type { LogicalBroker } from "./cluster.ts";
import type { Connection } from "./network/connection.ts";
import type { Exchange } from "./network/slot.ts";
import type { Services } from "./services.ts";

/** What handlers see of the connection that a request came by. */
export type Client = Pick<
  Connection,
  "clientHost" | "listenerName" | "clientSoftware" | "signal" | "lastActiveMs" | "close"
>;

/** What a handler knows besides the request. */
export interface RequestContext {
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly connection: Client;
  readonly exchange: Exchange;
  /** The broker that was asked. */
  readonly broker: LogicalBroker;
  readonly services: Services;
}

export interface Handler<A extends Api = Api> {
  readonly api: A;
  /** Versions advertised, where they differ from the API's. Requests below the API's own minimum are refused all the same. */
  readonly advertised?: VersionRange;
  /** Whether the request's effects are ordered when `handle` returns, so that the next may start before it is answered. */
  readonly mayOverlap?: boolean;
  /** Whether the request's bytes, which its buffers are views of, are of no use to anybody once it is answered. */
  readonly keepsNothing?: boolean;
  /**
   * Whether it goes through what the request names in several turns of the event loop (turns.ts): of those that are large one is served at a time
   * (turnstile.ts). It keeps nothing of the request, and waits for nothing but this broker's own disk.
   */
  readonly takesTurns?: boolean;
  /**
   * null stands for no response at all. A throw is a defect: it is logged and closes the connection. Expected failures are error codes
   * in the response.
   */
  handle(
    context: RequestContext,
    request: RequestOf<A>,
  ): Answer<A> | null | Promise<Answer<A> | null> | Later<Answer<A> | null>;
}

/** A response; the throttle time of each is the pipeline's to fill. */
export type Answer<A extends Api> = Omit<ResponseInput<A>, "throttleTimeMs"> & {
  readonly throttleTimeMs?: number;
};

/** Ties a handler's types to its API. */
export function handler<A extends Api>(definition: Handler<A>): Handler {
  return definition as unknown as Handler;
}

/** Closes the connection without an answer, as Kafka does for acks=0 errors and requests out of turn. */
export class CloseConnection extends Error {
  override readonly name = "CloseConnection";
}
