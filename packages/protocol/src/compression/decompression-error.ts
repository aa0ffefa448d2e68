import { ProtocolError } from "../protocol-error.ts";

/** Says what zlib's error means: too large an output, or bytes that are not the format. */
export function decompressionError(codec: string, cause: unknown, maxBytes: number): ProtocolError {
  return isTooLarge(cause)
    ? tooLarge(codec, maxBytes)
    : new ProtocolError("corrupt", `these bytes are not ${codec}`, { cause });
}

/** The same for compressing, which fails for no other reason that is the caller's. */
export function compressionError(codec: string, cause: unknown, maxBytes: number): unknown {
  return isTooLarge(cause) ? tooLarge(codec, maxBytes) : cause;
}

function isTooLarge(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE";
}

export function tooLarge(codec: string, maxBytes: number): ProtocolError {
  return new ProtocolError("tooLarge", `${codec} data grows beyond ${maxBytes} bytes`);
}

export function notCodec(codec: string, why: string): ProtocolError {
  return new ProtocolError("corrupt", `not ${codec}: ${why}`);
}
