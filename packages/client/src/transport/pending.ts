import { type Api, apiVersions, decodeResponse } from "@ottla/protocol";

/** The error code of an ApiVersions answer to a version that the broker does not speak. */
export const UNSUPPORTED_VERSION = 35;

/** One request in flight. */
export class Pending {
  readonly api: Api;
  readonly version: number;
  readonly correlationId: number;
  readonly deadlineMs: number;
  readonly timeoutMs: number;
  readonly resolve: (body: never) => void;
  readonly reject: (error: unknown) => void;
  /** Whether the caller stopped waiting. */
  isAbandoned = false;

  constructor(
    api: Api,
    version: number,
    correlationId: number,
    deadlineMs: number,
    timeoutMs: number,
    resolve: (body: never) => void,
    reject: (error: unknown) => void,
  ) {
    this.api = api;
    this.version = version;
    this.correlationId = correlationId;
    this.deadlineMs = deadlineMs;
    this.timeoutMs = timeoutMs;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** The body of its response. @throws {ProtocolError} */
  decode(frame: Buffer): { readonly throttleTimeMs?: number } {
    let version = this.version;
    // KIP-511: an ApiVersions request too new for the broker is answered in version 0.
    if (this.api.key === apiVersions.key && frame.length >= 6) {
      if (frame.readInt16BE(4) === UNSUPPORTED_VERSION) version = 0;
    }
    return decodeResponse(this.api, version, frame).body as { readonly throttleTimeMs?: number };
  }
}
