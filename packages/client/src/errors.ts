/**
 * What can go wrong, as classes with readonly fields. A broker's answer with an error code is a {@link BrokerError}; everything that
 * happened on this side has a class of its own. `retriable` says whether the same call may succeed later without a change.
 */

/** The root of all errors of this package. */
export abstract class ClientError extends Error {
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retriable: boolean;

  constructor(message: string, retriable: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.retriable = retriable;
  }
}

/** A broker answered with a Kafka error code. */
export class BrokerError extends ClientError {
  override readonly name: string = "BrokerError";
  /** Kafka's number of the error. */
  readonly code: number;
  /** Kafka's name of the error, such as `UNKNOWN_TOPIC_OR_PARTITION`. */
  readonly error: string;
  /** What the call was about: an API name, a topic, a group. */
  readonly subject: string;

  constructor(options: {
    readonly code: number;
    readonly error: string;
    readonly retriable: boolean;
    readonly subject: string;
    readonly message: string;
  }) {
    super(`${options.subject}: ${options.error}: ${options.message}`, options.retriable);
    this.code = options.code;
    this.error = options.error;
    this.subject = options.subject;
  }
}

/**
 * Another producer with the same transactional id, or another member with the same instance id, took over. Fatal: this instance must
 * stop; retrying would undo the take-over.
 */
export class FencedError extends BrokerError {
  override readonly name: string = "FencedError";
}

/** A connection could not be made or was lost with requests in flight; whether those took effect is unknown. */
export class ConnectionError extends ClientError {
  override readonly name = "ConnectionError";
  readonly host: string;
  readonly port: number;

  constructor(host: string, port: number, reason: string, cause?: unknown) {
    super(`${host}:${port}: ${reason}`, true, cause);
    this.host = host;
    this.port = port;
  }
}

/** No answer in time. Whether the request took effect is unknown. */
export class TimeoutError extends ClientError {
  override readonly name = "TimeoutError";
  readonly timeoutMs: number;

  constructor(what: string, timeoutMs: number, cause?: unknown) {
    super(`${what}: no success within ${Math.round(timeoutMs)} ms`, true, cause);
    this.timeoutMs = timeoutMs;
  }
}

/**
 * This side could not or would not authenticate: no credentials to show, a server that does not prove who it is, a certificate that is
 * not trusted. `cause` says which. A broker that refuses credentials answers SASL_AUTHENTICATION_FAILED, a {@link BrokerError}.
 */
export class AuthenticationError extends ClientError {
  override readonly name = "AuthenticationError";
  /** What was tried, such as `SASL PLAIN` or `TLS`. */
  readonly method: string;

  constructor(method: string, cause: unknown) {
    super(`${method}: ${cause instanceof Error ? cause.message : String(cause)}`, false, cause);
    this.method = method;
  }
}

/** The broker does not serve an API, or no version of it that this client speaks. */
export class UnsupportedError extends ClientError {
  override readonly name = "UnsupportedError";

  constructor(message: string) {
    super(message, false);
  }
}

/** The peer sent bytes that do not follow the protocol; the connection is closed. */
export class MalformedResponseError extends ClientError {
  override readonly name = "MalformedResponseError";

  constructor(message: string, cause?: unknown) {
    super(message, true, cause);
  }
}

/** The client, producer, consumer or connection was closed. */
export class ClosedError extends ClientError {
  override readonly name = "ClosedError";

  constructor(what: string) {
    super(`${what} is closed`, false);
  }
}

/** A call or a setting that can never work. */
export class UsageError extends ClientError {
  override readonly name = "UsageError";

  constructor(message: string) {
    super(message, false);
  }
}

/**
 * A record was not delivered within `deliveryTimeoutMs`. `maybeWritten` tells whether it may be in the log all the same, `cause` what went
 * wrong at the last attempt.
 */
export class DeliveryTimeoutError extends ClientError {
  override readonly name = "DeliveryTimeoutError";
  readonly topic: string;
  readonly partition: number;
  readonly maybeWritten: boolean;

  constructor(
    { topic, partition }: { readonly topic: string; readonly partition: number },
    timeoutMs: number,
    maybeWritten: boolean,
    cause: Error | null,
  ) {
    super(
      `${topic}[${partition}]: not delivered within ${timeoutMs} ms` +
        (maybeWritten ? "; it may be in the log all the same" : ""),
      false,
      cause ?? undefined,
    );
    this.topic = topic;
    this.partition = partition;
    this.maybeWritten = maybeWritten;
  }
}

/** The record was part of a transaction that was aborted before the record was delivered. */
export class TransactionAbortedError extends ClientError {
  override readonly name = "TransactionAbortedError";

  constructor(cause?: unknown) {
    super("the transaction was aborted", false, cause);
  }
}

/** A record larger than a batch, a request or the whole buffer may be. */
export class RecordTooLargeError extends ClientError {
  override readonly name = "RecordTooLargeError";
  readonly bytes: number;
  readonly maxBytes: number;

  constructor(bytes: number, maxBytes: number) {
    super(`a record of ${bytes} bytes exceeds the limit of ${maxBytes}`, false);
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

/**
 * A record was sent to a partition that its topic does not have, as far as the cluster knows. Retriable: somebody may be about to add
 * partitions.
 */
export class UnknownPartitionError extends ClientError {
  override readonly name = "UnknownPartitionError";
  readonly topic: string;
  readonly partition: number;
  readonly partitionCount: number;

  constructor(topic: string, partition: number, partitionCount: number) {
    super(`${topic} has ${partitionCount} partitions, and ${partition} is none of them`, true);
    this.topic = topic;
    this.partition = partition;
    this.partitionCount = partitionCount;
  }
}

/** Fetched bytes failed their checksum or structure; reading does not go past them. */
export class CorruptBatchError extends ClientError {
  override readonly name = "CorruptBatchError";
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;

  constructor(topic: string, partition: number, offset: number, cause: unknown) {
    super(`${topic}[${partition}]: corrupt batch at or after offset ${offset}`, false, cause);
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
  }
}

/** A partition has no position: nothing committed, or it is out of range, and the reset policy is `none`. */
export class NoOffsetError extends ClientError {
  override readonly name = "NoOffsetError";
  readonly topic: string;
  readonly partition: number;
  /** The offset that was out of range, or null when there was none. */
  readonly offset: number | null;

  constructor(topic: string, partition: number, offset: number | null) {
    super(
      offset === null
        ? `${topic}[${partition}]: no committed offset and no reset policy`
        : `${topic}[${partition}]: offset ${offset} is out of range and there is no reset policy`,
      false,
    );
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
  }
}

/** Whether trying again may help: our own transient errors and the brokers' retriable ones. */
export function isRetriable(error: unknown): boolean {
  return error instanceof ClientError && error.retriable;
}
