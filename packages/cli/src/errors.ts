/** Failures this package finds by itself. Those of the client and the broker are put into words by `explain.ts`. */

/** The command line makes no sense. */
export class UsageFailure extends Error {
  override readonly name = "UsageFailure";
  /** What to do about it, a line each. */
  readonly hints: readonly string[];

  constructor(message: string, hints: readonly string[] = []) {
    super(message);
    this.hints = hints;
  }
}

/** The command could not do what it was asked to. The message is meant for the user as it stands. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly hints: readonly string[];

  constructor(message: string, options: { hints?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hints = options.hints ?? [];
  }
}

/** None of the bootstrap servers answered. */
export class ClusterUnreachable extends Error {
  override readonly name = "ClusterUnreachable";
  readonly servers: string;
  /** Whether it was tried with TLS. */
  readonly isEncrypted: boolean;

  constructor(servers: string, options: { isEncrypted: boolean; cause: unknown }) {
    super(`no broker answers at ${servers}`, { cause: options.cause });
    this.servers = servers;
    this.isEncrypted = options.isEncrypted;
  }
}
