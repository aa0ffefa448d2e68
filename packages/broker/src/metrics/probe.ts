/** What the broker tells about itself; `prometheus.ts` turns it into text. Calls are cheap and never throw. */
export interface ServerProbe {
  connectionOpened(listener: string): void;
  connectionClosed(listener: string, cause: unknown): void;
  /** A request was answered. Times in ms: from the frame's arrival until the response was handed to the socket. */
  requestServed(request: ServedRequest): void;
  /** A request failed in a way nobody foresaw; the connection is closed. */
  requestFailed(request: FailedRequest): void;
}

export interface ServedRequest {
  readonly apiKey: number;
  readonly version: number;
  readonly totalMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export interface FailedRequest {
  readonly apiKey: number;
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly cause: unknown;
}
