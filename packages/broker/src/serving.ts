/**
 * A request being served: what its handler knows of it, and the response that becomes of the handler's answer. It is all that is made for a request
 * here, so it is several things in one object.
 */
import { Derived, type Later } from "@ottla/platform";
import { type Api, encodeResponse, type RequestHeader, type ResponseInput } from "@ottla/protocol";
import { checkErrors } from "./allowed-errors.ts";
import type { LogicalBroker } from "./cluster.ts";
import { type Client, CloseConnection, type RequestContext } from "./handler.ts";
import type { Exchange, Response } from "./network/slot.ts";
import type { Services } from "./services.ts";

export class Serving extends Derived<unknown, Response> implements RequestContext {
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly connection: Client;
  readonly exchange: Exchange;
  readonly broker: LogicalBroker;
  readonly services: Services;
  readonly #api: Api;
  readonly #arrivedMs: number;
  readonly #requestBytes: number;
  readonly #isStrict: boolean;

  constructor(
    api: Api,
    header: RequestHeader,
    connection: Client,
    exchange: Exchange,
    broker: LogicalBroker,
    services: Services,
    arrivedMs: number,
    requestBytes: number,
    isStrict: boolean,
  ) {
    super();
    this.version = header.apiVersion;
    this.correlationId = header.correlationId;
    this.clientId = header.clientId;
    this.connection = connection;
    this.exchange = exchange;
    this.broker = broker;
    this.services = services;
    this.#api = api;
    this.#arrivedMs = arrivedMs;
    this.#requestBytes = requestBytes;
    this.#isStrict = isStrict;
  }

  /** The response to an answer that comes later. */
  answerWith(answer: Later<unknown>): Later<Response> {
    this.services.probe.requestsWaiting(this.#api.key, 1);
    answer.listen(this);
    return this;
  }

  protected make(body: unknown): Response {
    this.services.probe.requestsWaiting(this.#api.key, -1);
    return this.answer(body);
  }

  protected override causeOf(cause: unknown): unknown {
    this.services.probe.requestsWaiting(this.#api.key, -1);
    return this.failure(cause);
  }

  /** The response to an answer; null for none. @throws for an answer that cannot be encoded, which is a defect */
  answer(body: unknown): Response {
    const { clock, probe, largeAnswers } = this.services;
    const api = this.#api;
    let response: Response = null;
    let responseBytes = 0;
    if (body !== null) {
      try {
        if (this.#isStrict) checkErrors(api, body);
        const answer = body as ResponseInput<Api>;
        response = encodeResponse(api, this.version, this.correlationId, answer);
      } catch (cause) {
        throw this.failure(cause);
      }
      responseBytes = response[0]!.readInt32BE(0) + 4;
      // Of several parts, others than the first are records that Fetch was lent.
      if (response.length === 1) {
        largeAnswers.hold(this.connection, this.exchange, responseBytes);
      }
    }
    const answeredMs = clock.monotonic();
    probe.requestServed({
      apiKey: api.key,
      version: this.version,
      totalMs: answeredMs - this.#arrivedMs,
      answeredMs,
      requestBytes: this.#requestBytes,
      responseBytes,
    });
    return response;
  }

  /** Tells of a defect, and gives back what closes the connection. */
  failure(cause: unknown): unknown {
    if (!(cause instanceof CloseConnection)) {
      this.services.probe.requestFailed({
        apiKey: this.#api.key,
        version: this.version,
        correlationId: this.correlationId,
        clientId: this.clientId,
        cause,
      });
    }
    return cause;
  }
}
