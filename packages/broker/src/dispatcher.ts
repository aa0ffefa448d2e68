/** From a frame to its response: header, version check, decoding, the handler, encoding. */
import { Later } from "@ottla/platform";
import {
  type Api,
  apiVersions,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  type RequestHeader,
  type ResponseInput,
} from "@ottla/protocol";
import { checkErrors } from "./allowed-errors.ts";
import type { LogicalBroker } from "./cluster.ts";
import { type Client, CloseConnection, type Handler, type RequestContext } from "./handler.ts";
import { unsupportedApiVersions } from "./handlers/18-api-versions.ts";
import type { Exchange, FrameServer, Served } from "./network/connection.ts";
import type { Services } from "./services.ts";

/** Above this size, requests that name many things pass the turnstile. */
const LARGE_REQUEST_BYTES = 65_536;

export class Dispatcher implements Omit<FrameServer, "closed"> {
  readonly #handlers: readonly (Handler | undefined)[];
  readonly #overlapping: readonly boolean[];
  readonly #lent: readonly boolean[];
  readonly #inTurns: readonly boolean[];
  readonly #broker: LogicalBroker;
  readonly #services: Services;
  /** Whether responses are held against the errors that their APIs may answer with. */
  readonly #isStrict: boolean;

  constructor(
    handlers: readonly Handler[],
    broker: LogicalBroker,
    services: Services,
    { isStrict = process.env.OTTLA_STRICT === "1" } = {},
  ) {
    this.#isStrict = isStrict;
    const byKey: (Handler | undefined)[] = [];
    for (const handler of handlers) byKey[handler.api.key] = handler;
    this.#handlers = Array.from(byKey);
    this.#overlapping = Array.from(byKey, (handler) => handler?.mayOverlap === true);
    this.#inTurns = Array.from(byKey, (handler) => handler?.takesTurns === true);
    this.#lent = Array.from(
      byKey,
      (handler) => handler?.keepsNothing === true || handler?.takesTurns === true,
    );
    this.#broker = broker;
    this.#services = services;
  }

  mayOverlap(frame: Buffer): boolean {
    return frame.length >= 2 && this.#overlapping[frame.readInt16BE(0)] === true;
  }

  isLent(frame: Buffer): boolean {
    return frame.length >= 2 && this.#lent[frame.readInt16BE(0)] === true;
  }

  /**
   * @throws for what Kafka answers by closing the connection: an API or version we do not serve (gotcha 5), a header or body that
   * does not parse.
   */
  serve(connection: Client, frame: Buffer, exchange: Exchange): Served {
    const arrivedMs = connection.lastActiveMs;
    const isLarge = frame.length > LARGE_REQUEST_BYTES && this.#inTurns[frame.readInt16BE(0)];
    return isLarge === true
      ? this.#services.turnstile.pass(() => this.#serve(connection, frame, exchange, arrivedMs))
      : this.#serve(connection, frame, exchange, arrivedMs);
  }

  #serve(connection: Client, frame: Buffer, exchange: Exchange, arrivedMs: number): Served {
    const header = decodeRequestHeader(frame, this.#apiOf);
    const handler = this.#handlers[header.apiKey]!;
    const { api } = handler;
    const version = header.apiVersion;
    if (version < api.versions.min || version > api.versions.max) {
      if (api.key === apiVersions.key) return unsupportedApiVersions(header.correlationId);
      throw new CloseConnection(`${api.name} v${version} is not supported`);
    }
    const request = decodeRequest(api, version, frame, header.bodyOffset);
    const context: RequestContext = {
      version,
      correlationId: header.correlationId,
      clientId: header.clientId,
      connection,
      exchange,
      broker: this.#broker,
      services: this.#services,
    };
    let result: unknown;
    try {
      result = handler.handle(context, request);
    } catch (cause) {
      throw this.#failed(header, cause);
    }
    if (result instanceof Promise) result = Later.from(result);
    if (result instanceof Later) {
      const { probe } = this.#services;
      probe.requestsWaiting(api.key, 1);
      return result.map(
        (body) => {
          probe.requestsWaiting(api.key, -1);
          return this.#encode(api, header, body, arrivedMs, frame.length, context);
        },
        (cause) => {
          probe.requestsWaiting(api.key, -1);
          return this.#failed(header, cause);
        },
      );
    }
    return this.#encode(api, header, result, arrivedMs, frame.length, context);
  }

  readonly #apiOf = (key: number): Api | undefined => this.#handlers[key]?.api;

  #encode(
    api: Api,
    header: RequestHeader,
    body: unknown,
    arrivedMs: number,
    requestBytes: number,
    { connection, exchange }: RequestContext,
  ): readonly Buffer[] | null {
    const { clock, probe, largeAnswers } = this.#services;
    let response: readonly Buffer[] | null = null;
    let responseBytes = 0;
    if (body !== null) {
      try {
        if (this.#isStrict) checkErrors(api, body);
        response = encodeResponse(
          api,
          header.apiVersion,
          header.correlationId,
          body as ResponseInput<Api>,
        );
      } catch (cause) {
        throw this.#failed(header, cause);
      }
      responseBytes = response[0]!.readInt32BE(0) + 4;
      // Of several parts, others than the first are records that Fetch was lent.
      if (response.length === 1) largeAnswers.hold(connection, exchange, responseBytes);
    }
    const answeredMs = clock.monotonic();
    probe.requestServed({
      apiKey: api.key,
      version: header.apiVersion,
      totalMs: answeredMs - arrivedMs,
      answeredMs,
      requestBytes,
      responseBytes,
    });
    return response;
  }

  #failed(header: RequestHeader, cause: unknown): unknown {
    if (!(cause instanceof CloseConnection)) {
      this.#services.probe.requestFailed({
        apiKey: header.apiKey,
        version: header.apiVersion,
        correlationId: header.correlationId,
        clientId: header.clientId,
        cause,
      });
    }
    return cause;
  }
}
