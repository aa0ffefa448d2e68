/** From a frame to its response: header, version check, decoding, the handler; serving.ts has the rest. */
import { Later } from "@ottla/platform";
import { type Api, apiVersions, decodeRequest, decodeRequestHeader } from "@ottla/protocol";
import type { LogicalBroker } from "./cluster.ts";
import { type Client, CloseConnection, type Handler } from "./handler.ts";
import { unsupportedApiVersions } from "./handlers/18-api-versions.ts";
import type { FrameServer, Served } from "./network/connection.ts";
import type { Exchange } from "./network/slot.ts";
import type { Services } from "./services.ts";
import { Serving } from "./serving.ts";

/** Above this size, requests that name many things pass the turnstile. */
const LARGE_REQUEST_BYTES = 65_536;

export class Dispatcher implements Omit<FrameServer, "closed"> {
  readonly #handlers: readonly (Handler | undefined)[];
  readonly #overlapping: readonly boolean[];
  readonly #lent: readonly boolean[];
  readonly #inTurns: readonly boolean[];
  readonly #broker: LogicalBroker;
  readonly #services: Services;
  readonly #isStrict: boolean;

  /** @param options `isStrict`: whether responses are held against the errors that their APIs may answer with. */
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
    const serving = new Serving(
      api,
      header,
      connection,
      exchange,
      this.#broker,
      this.#services,
      arrivedMs,
      frame.length,
      this.#isStrict,
    );
    let result: unknown;
    try {
      result = handler.handle(serving, request);
    } catch (cause) {
      throw serving.failure(cause);
    }
    if (result instanceof Promise) result = Later.from(result);
    return result instanceof Later ? serving.answerWith(result) : serving.answer(result);
  }

  readonly #apiOf = (key: number): Api | undefined => this.#handlers[key]?.api;
}
