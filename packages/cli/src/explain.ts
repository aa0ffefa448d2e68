/**
 * What went wrong, in words, with what to do about it. Loaded when something did, and without the client or the broker: errors are
 * recognized by their names, so that a broker that cannot start does not load the client first.
 */
import type { BrokerError } from "@ottla/client";
import type { FileSystemError, FileSystemErrorCode } from "@ottla/platform";
import type { Context } from "./context.ts";
import type { ClusterUnreachable, CommandFailure, UsageFailure } from "./errors.ts";

export interface Explanation {
  /** Kafka's name of the error, or this package's; for programs. */
  readonly code: string;
  readonly message: string;
  readonly hints: readonly string[];
}

export function explain(error: unknown, context: Pick<Context, "program">): Explanation {
  if (error instanceof AggregateError && error.errors.length > 0) {
    const all = error.errors.map((each) => explain(each, context));
    return {
      code: all[0]!.code,
      message: all.map(({ message }) => message).join("\n"),
      hints: [...new Set(all.flatMap(({ hints }) => hints))],
    };
  }
  if (!(error instanceof Error)) return { code: "Error", message: String(error), hints: [] };
  switch (error.name) {
    case "UsageFailure":
    case "CommandFailure": {
      const { name, message, hints } = error as UsageFailure | CommandFailure;
      return { code: name, message, hints };
    }
    case "ClusterUnreachable":
      return unreachable(error as ClusterUnreachable, context);
    case "BrokerError":
    case "FencedError":
      return brokerAnswer(error as BrokerError);
    case "TimeoutError":
      return { code: error.name, message: withCause(error), hints: [] };
    default:
      return local(error) ?? unexpected(error);
  }
}

export function explanationText({ message, hints }: Explanation, command: string): string {
  const lines = [`${command}: ${message}`, ...hints.map((hint) => `  ${hint}`)];
  return `${lines.join("\n")}\n`;
}

function unreachable(
  error: ClusterUnreachable,
  { program }: Pick<Context, "program">,
): Explanation {
  const local = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::(\d+))?$/.exec(error.servers);
  const port = local?.[1] === undefined || local[1] === "9092" ? "" : ` --port ${local[1]}`;
  const start = program.startsWith("npm")
    ? `npm start${port && ` --${port}`}`
    : `${program} start${port}`;
  return {
    code: error.name,
    message: `${error.message} (${rootReason(error.cause)})`,
    hints: [
      ...(local === null ? [] : [`Start a broker with: ${start}`]),
      ...(error.isEncrypted || isRefusal(error.cause) ? [] : ["If it wants TLS, add --tls."]),
      "Name another one with --bootstrap-server HOST:PORT or OTTLA_BOOTSTRAP_SERVER.",
    ],
  };
}

/** Nobody is there, which is not a matter of how one speaks to it. */
function isRefusal(error: unknown): boolean {
  return /refused|ENOTFOUND|EHOSTUNREACH|ENETUNREACH/i.test(rootReason(error));
}

/** What to do about answers whose own words do not say. */
const HINTS: Readonly<Record<string, string>> = {
  TOPIC_ALREADY_EXISTS: "Use --if-not-exists to let an existing topic be.",
  UNKNOWN_TOPIC_OR_PARTITION: '"topic list" shows the topics there are.',
  GROUP_ID_NOT_FOUND: '"group list" shows the groups there are.',
  TRANSACTIONAL_ID_NOT_FOUND: '"transaction list" shows the ids there are.',
  SASL_AUTHENTICATION_FAILED: "See --sasl-username and --sasl-password, or the file of settings.",
  UNSUPPORTED_SASL_MECHANISM: "See --sasl-mechanism.",
  NON_EMPTY_GROUP: "Stop its members first.",
  UNKNOWN_MEMBER_ID: "The group has members; stop them first.",
  INVALID_REPLICATION_FACTOR: "The replication factor cannot exceed the number of brokers.",
  MESSAGE_TOO_LARGE: 'The topic\'s "max.message.bytes" sets the limit.',
  RECORD_LIST_TOO_LARGE: 'The topic\'s "segment.bytes" sets the limit.',
  OFFSET_OUT_OF_RANGE: '"topic describe" shows the offsets there are.',
};

function brokerAnswer({ subject, error, message }: BrokerError): Explanation {
  const prefix = `${subject}: ${error}: `;
  const words = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  const hint = HINTS[error];
  return {
    code: error,
    message: `${subject}: ${words} (${error})`,
    hints: hint === undefined ? [] : [hint],
  };
}

const FILE_SYSTEM: Readonly<Record<FileSystemErrorCode, string>> = {
  "not-found": "there is no such folder, and none can be made",
  exists: "something else is in its place",
  "no-space": "the disk is full",
  io: "the disk fails",
  locked: "another process has it",
  access: "permission denied",
  "too-many-open": "too many files are open",
};

/** Failures of the operating system and of what a broker starts from. */
function local(error: Error): Explanation | null {
  for (const each of causes(error)) {
    if (each.name === "DirectoryInUse") {
      const hints = ["Choose another folder with --data-dir."];
      return { code: each.name, message: each.message, hints };
    }
    if (each.name === "FileSystemError") {
      const { code, path } = each as FileSystemError;
      return { code, message: `cannot use ${path}: ${FILE_SYSTEM[code]}`, hints: [] };
    }
    const { code, syscall } = each as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      const { address, port } = each as Error & { address?: string; port?: number };
      return {
        code,
        message: `port ${port ?? ""} on ${address ?? "this address"} is taken by another process`,
        hints: ["Choose another one with --port, or --metrics-port if it is that one."],
      };
    }
    if (code === "EACCES" && syscall === "listen") {
      return { code, message: each.message, hints: ["Choose a port above 1023 with --port."] };
    }
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
      return { code, message: each.message, hints: ["Choose an address with --host."] };
    }
  }
  return isPlanned(error) ? { code: error.name, message: error.message, hints: [] } : null;
}

/** Errors with a name of their own were made to be read; the language's own are mistakes of this program. */
function isPlanned(error: Error): boolean {
  if ("code" in error && typeof error.code === "string" && !error.code.startsWith("ERR_")) {
    return true;
  }
  return !["Error", "TypeError", "RangeError", "ReferenceError", "AssertionError"].includes(
    error.name,
  );
}

function unexpected(error: Error): Explanation {
  return {
    code: error.name,
    message: error.message,
    hints: (error.stack ?? "")
      .split("\n")
      .slice(1, 6)
      .map((line) => line.trim()),
  };
}

function* causes(error: Error): Generator<Error> {
  const seen = new Set<unknown>();
  let each: unknown = error;
  while (each instanceof Error && !seen.has(each)) {
    seen.add(each);
    yield each;
    each = each.cause;
  }
}

function withCause(error: Error): string {
  return error.cause instanceof Error
    ? `${error.message} (${rootReason(error.cause)})`
    : error.message;
}

/** The innermost message that says something. */
function rootReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const messages = [...causes(error)]
    .map((each) =>
      each instanceof AggregateError && each.message === "" && each.errors[0] instanceof Error
        ? each.errors[0].message
        : each.message,
    )
    .filter((message) => message !== "");
  return messages.at(-1) ?? error.name;
}
