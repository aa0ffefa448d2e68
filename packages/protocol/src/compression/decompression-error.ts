import { ProtocolError } from "../protocol-error.ts";

/** Says what zlib's error means: too large an output, or bytes that are not the format. */
export function decompressionError(codec: string, cause: unknown, maxBytes: number): ProtocolError {
  const code = (cause as { readonly code?: unknown }).code;
  return code === "ERR_BUFFER_TOO_LARGE"
    ? tooLarge(codec, maxBytes)
    : new ProtocolError("corrupt", `these bytes are not ${codec}`, { cause });
}

export function tooLarge(codec: string, maxBytes: number): ProtocolError {
  return new ProtocolError("tooLarge", `${codec} data grows beyond ${maxBytes} bytes`);
}

export function notCodec(codec: string, why: string): ProtocolError {
  return new ProtocolError("corrupt", `not ${codec}: ${why}`);
}
