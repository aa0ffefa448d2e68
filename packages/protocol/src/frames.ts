/**
 * Requests and responses as they cross a connection: a size of four bytes, a header, a body.
 *
 *   request   size | apiKey int16 | apiVersion int16 | correlationId int32 | clientId int16 string | tags (header v2) | body
 *   response  size | correlationId int32 | tags (header v1) | body
 *
 * Headers are flexible exactly when the body is, except that the response header of ApiVersions never is and that the client
 * id keeps its two-byte length for ever, so that any broker can read the header of a client it is too old for. A *frame* below
 * is what follows the size. Encoders return a list of buffers for `writev`, size included: one buffer, unless the message
 * carries records worth sending from where they are.
 */
import { Buffer } from "node:buffer";
import { encodeState } from "./codec/compile.ts";
import { cursor, longVarint, readText, textSize, truncated, writeText } from "./codec/runtime.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Shape } from "./schema/fields.ts";
import type {
  Api,
  DataInput,
  DataOf,
  RequestInput,
  RequestOf,
  ResponseInput,
  ResponseOf,
  Schema,
} from "./schema/schema.ts";

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** Where in the frame the body starts. */
  readonly bodyOffset: number;
}

/**
 * Reads the header of a request frame. The version is not checked: the caller knows which ones it serves, and ApiVersions must be
 * answered whatever its version is.
 * @throws ProtocolError `unknownApi` when `apiOf` does not know the key; `truncated` or `malformed` for a broken header.
 */
export function decodeRequestHeader(
  frame: Buffer,
  apiOf: (key: number) => Api | undefined,
): RequestHeader {
  const end = frame.length;
  if (end < 8) {
    throw truncated();
  }
  const apiKey = frame.readInt16BE(0);
  const apiVersion = frame.readInt16BE(2);
  const correlationId = frame.readInt32BE(4);
  const api = apiOf(apiKey);
  if (api === undefined) {
    throw new ProtocolError("unknownApi", `no API has the key ${apiKey}`);
  }
  if (end < 10) {
    throw truncated();
  }
  const length = frame.readInt16BE(8);
  let position = 10;
  let clientId: string | null = null;
  if (length >= 0) {
    if (length > end - position) {
      throw truncated();
    }
    clientId = readText(frame, position, length);
    position += length;
  }
  if (api.request.isFlexible(apiVersion)) {
    position = skipTags(frame, position, end);
  }
  return { apiKey, apiVersion, correlationId, clientId, bodyOffset: position };
}

/**
 * Reads a request's body from `frame` at `offset`. Bytes after the body are accepted, as Kafka does. Byte fields are views of the frame.
 * @throws ProtocolError
 */
export function decodeRequest<A extends Api>(
  api: A,
  version: number,
  frame: Buffer,
  offset: number,
): RequestOf<A> {
  return api.request.codec(version).decode(frame, offset, frame.length) as RequestOf<A>;
}

export interface RequestEnvelope {
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** Encodes a request, size and header included. @throws ProtocolError when `version` cannot carry `body` */
export function encodeRequest<A extends Api>(
  api: A,
  version: number,
  envelope: RequestEnvelope,
  body: RequestInput<A>,
): Buffer[] {
  const { correlationId, clientId } = envelope;
  const flexible = api.request.isFlexible(version);
  const clientIdSize = clientId === null ? 0 : textSize(clientId);
  const headerSize = 10 + clientIdSize + (flexible ? 1 : 0);
  const buffers = encodeFrame(api.request, version, headerSize, body);
  const first = buffers[0]!;
  first.writeInt16BE(api.key, 4);
  first.writeInt16BE(version, 6);
  first.writeInt32BE(correlationId, 8);
  first.writeInt16BE(clientId === null ? -1 : clientIdSize, 12);
  if (clientId !== null) {
    writeText(first, 14, clientId, clientIdSize);
  }
  if (flexible) {
    first[14 + clientIdSize] = 0;
  }
  return buffers;
}

/**
 * Bound of a response, the records in it that are sent from where they are left aside. A request names a thing in a few bytes and any number of
 * times, and each time may be answered with hundreds.
 */
export const MAX_RESPONSE_BYTES = 134_217_728;

/**
 * Encodes a response, size and header included.
 * @throws ProtocolError `unsupportedVersion` when `version` cannot carry `body`; `tooLarge` beyond {@link MAX_RESPONSE_BYTES}, before memory is taken.
 */
export function encodeResponse<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  body: ResponseInput<A>,
): Buffer[] {
  const flexible = api.flexibleResponseHeader && api.response.isFlexible(version);
  const headerSize = flexible ? 5 : 4;
  const buffers = encodeFrame(api.response, version, headerSize, body, allocateResponse);
  const first = buffers[0]!;
  first.writeInt32BE(correlationId, 4);
  if (flexible) {
    first[8] = 0;
  }
  return buffers;
}

/** Reads a response frame. Byte fields are views of the frame. @throws ProtocolError */
export function decodeResponse<A extends Api>(
  api: A,
  version: number,
  frame: Buffer,
): { readonly correlationId: number; readonly body: ResponseOf<A> } {
  const end = frame.length;
  if (end < 4) {
    throw truncated();
  }
  const flexible = api.flexibleResponseHeader && api.response.isFlexible(version);
  const offset = flexible ? skipTags(frame, 4, end) : 4;
  const body = api.response.codec(version).decode(frame, offset, end) as ResponseOf<A>;
  return { correlationId: frame.readInt32BE(0), body };
}

/** Encodes data of a schema, without any header. @throws ProtocolError when `version` cannot carry `value` */
export function encodeData<D extends Schema>(
  schema: D,
  version: number,
  value: DataInput<D>,
): Buffer {
  const buffers = encode(schema, version, 0, value);
  return buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers);
}

/** Reads data of a schema from `[offset, end)`. Byte fields are views. @throws ProtocolError */
export function decodeData<D extends Schema>(
  schema: D,
  version: number,
  buffer: Buffer,
  offset = 0,
  end: number = buffer.length,
): DataOf<D> {
  return schema.codec(version).decode(buffer, offset, end) as DataOf<D>;
}

/** Encodes data behind its version (int16): how the consumer protocol and the coordinators' records are kept. */
export function encodeVersioned<D extends Schema>(
  schema: D,
  version: number,
  value: DataInput<D>,
): Buffer {
  return encodePrefixed(schema, version, version, value);
}

/** Encodes data behind an int16 of the caller's. */
export function encodePrefixed(
  schema: Schema,
  version: number,
  prefix: number,
  value: unknown,
): Buffer {
  const buffers = encode(schema, version, 2, value);
  buffers[0]!.writeInt16BE(prefix, 0);
  return buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers);
}

/**
 * Reads data behind its version. @throws ProtocolError, `unsupportedVersion` for one that the schema lacks; a reader that may
 * treat newer versions as the newest it knows calls `readVersion` and `decodeData` itself.
 */
export function decodeVersioned<D extends Schema>(
  schema: D,
  buffer: Buffer,
): { readonly version: number; readonly value: DataOf<D> } {
  const version = readVersion(buffer);
  return { version, value: decodeData(schema, version, buffer, 2) };
}

/** The int16 version in front of versioned data. @throws ProtocolError when there are not even two bytes */
export function readVersion(buffer: Buffer): number {
  if (buffer.length < 2) {
    throw truncated();
  }
  return buffer.readInt16BE(0);
}

function encodeFrame<S extends Shape>(
  schema: Schema<S>,
  version: number,
  headerSize: number,
  body: unknown,
  allocate: (size: number) => Buffer = allocateFrame,
): Buffer[] {
  const buffers = encode(schema, version, 4 + headerSize, body, allocate);
  let size = -4;
  for (let i = 0; i < buffers.length; i++) {
    size += buffers[i]!.length;
  }
  buffers[0]!.writeInt32BE(size, 0);
  return buffers;
}

const CHUNK_BYTES = 65_536;
const LARGEST_IN_CHUNK = 4096;
let chunk: Buffer = Buffer.alloc(0);
let chunkUsed = 0;

/**
 * Memory for a frame, which is soon written. Small ones that are encoded one after the other lie one behind the other, so that whoever writes
 * them together may do so without copying them.
 */
function allocateFrame(size: number): Buffer {
  if (size > LARGEST_IN_CHUNK) return Buffer.allocUnsafe(size);
  if (size > chunk.length - chunkUsed) {
    chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    chunkUsed = 0;
  }
  const start = chunkUsed;
  chunkUsed = start + size;
  return chunk.subarray(start, chunkUsed);
}

function allocateResponse(size: number): Buffer {
  if (size > MAX_RESPONSE_BYTES) {
    throw new ProtocolError("tooLarge", `the response would have ${size} bytes`);
  }
  return allocateFrame(size);
}

/**
 * Sizes, allocates once, writes once; then cuts the contiguous bytes where spliced records belong. The first `prefixSize` bytes of the
 * first buffer are left for the caller to write.
 */
function encode(
  schema: Schema,
  version: number,
  prefixSize: number,
  body: unknown,
  allocate: (size: number) => Buffer = Buffer.allocUnsafe,
): Buffer[] {
  const codec = schema.codec(version);
  try {
    const buffer = allocate(prefixSize + codec.size(body));
    const end = codec.write(body, buffer, prefixSize);
    if (end !== buffer.length) {
      throw new Error(`${schema.name} v${version} changed while it was encoded`);
    }
    return encodeState.cuts.length === 0 ? [buffer] : spliced(buffer);
  } finally {
    encodeState.reset();
  }
}

function spliced(buffer: Buffer): Buffer[] {
  const buffers: Buffer[] = [];
  let from = 0;
  for (let i = 0; i < encodeState.cuts.length; i++) {
    const cut = encodeState.cuts[i]!;
    if (cut > from) {
      buffers.push(buffer.subarray(from, cut));
      from = cut;
    }
    const records = encodeState.spliced[i]!;
    if (Array.isArray(records)) {
      for (const part of records) {
        buffers.push(part);
      }
    } else {
      buffers.push(records as Buffer);
    }
  }
  if (from < buffer.length) {
    buffers.push(buffer.subarray(from));
  }
  return buffers;
}

/** Skips the tagged section of a header: no field of it is known. Returns the position after it. */
function skipTags(frame: Buffer, offset: number, end: number): number {
  let position = readVarintAt(frame, offset, end);
  for (let count = varint; count > 0; count--) {
    position = readVarintAt(frame, position, end);
    position = readVarintAt(frame, position, end);
    if (varint < 0 || varint > end - position) {
      throw truncated();
    }
    position += varint;
  }
  return position;
}

/** Value of the varint that `readVarintAt` read last. */
let varint = 0;

function readVarintAt(frame: Buffer, offset: number, end: number): number {
  if (offset >= end) {
    throw truncated();
  }
  varint = frame[offset]!;
  if (varint < 128) {
    return offset + 1;
  }
  varint = longVarint(frame, offset + 1, end, varint);
  return cursor.position;
}
