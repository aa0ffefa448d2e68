/** The only place where codes of the protocol's error table become errors of this package. */
import { type ErrorName, errorCode, errorMessage, errorName, isRetriable } from "@ottla/protocol";
import { BrokerError, FencedError } from "./errors.ts";

const FENCED: ReadonlySet<number> = new Set(
  (["INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED", "FENCED_INSTANCE_ID"] as const).map(errorCode),
);

/** The error a broker answered for `subject`; its own message when it sent one. */
export function brokerError(code: number, subject: string, message?: string | null): BrokerError {
  const error = errorName(code);
  const options = {
    code,
    error,
    retriable: isRetriable(error),
    subject,
    message: message || errorMessage(error),
  };
  return FENCED.has(code) ? new FencedError(options) : new BrokerError(options);
}

/** @throws {BrokerError} unless `code` is zero. */
export function throwIfError(code: number, subject: string, message?: string | null): void {
  if (code !== 0) throw brokerError(code, subject, message);
}

/** Whether `error` is a broker's answer with one of `names`. */
export function isBrokerError(error: unknown, ...names: readonly ErrorName[]): boolean {
  return error instanceof BrokerError && names.some((name) => errorCode(name) === error.code);
}
