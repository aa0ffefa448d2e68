/** What every started broker looks like to a test, whoever made it. */
export interface BrokerServer {
  readonly name: string;
  readonly port: number;
  /** `host:port`, as clients want it. */
  readonly bootstrap: string;
  readonly pid: number;
  readonly dataDirectory: string;
  /** What the process has written to its standard output and error so far. */
  output(): string;
  /** Ends the process the polite way and waits for it; its data stays. */
  stop(): Promise<void>;
  /** SIGKILL, and waits until the process is gone; its data stays. */
  kill(): Promise<void>;
  /** Stops it and removes the data directory when it was a temporary one. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface BrokerServerOptions {
  /** Properties in Kafka's own names, laid over the defaults. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Kept afterwards when given; a temporary folder when not. */
  readonly dataDirectory?: string;
  /** A free one, chosen by the operating system, when not given. */
  readonly port?: number;
}

/** Starts a broker of one kind; the same test runs against each. */
export type StartBroker = (options?: BrokerServerOptions) => Promise<BrokerServer>;
