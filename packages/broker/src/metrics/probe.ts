/** What the broker tells about itself; `prometheus.ts` turns it into text. Calls are cheap and never throw. */
export interface ServerProbe {
  connectionOpened(listener: string): void;
  connectionClosed(listener: string, address: string, cause: unknown): void;
  /** One more request of this API waits for its answer (1), or one less (−1). */
  requestsWaiting(apiKey: number, change: 1 | -1): void;
  /** A request named the topic, in one partition or several. */
  topicProduced(topic: string): void;
  topicFetched(topic: string): void;
  /** Partitions of a topic could not be read. */
  fetchRefused(topic: string, partitions: number): void;
  /** Batches of a topic were refused: how many partitions, and the bytes of those that were too large. */
  produceRefused(topic: string, partitions: number, rejectedBytes: number): void;
  /** A request was answered. Times in ms: from the frame's arrival until the response was handed to the socket. */
  requestServed(request: ServedRequest): void;
  /** A request failed in a way nobody foresaw; the connection is closed. */
  requestFailed(request: FailedRequest): void;
}

export interface ServedRequest {
  readonly apiKey: number;
  readonly version: number;
  readonly totalMs: number;
  /** Monotonic. */
  readonly answeredMs: number;
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
