/**
 * Frames that the driver sends over and over, made once. Per request only a correlation id, a partition and an offset are patched
 * at known places. Produce v8 and Fetch v11, the newest versions with a fixed layout; sizes below assume one topic a request, which is
 * what the driver sends.
 */
import { ByteWriter } from "./bytes.ts";

export const apiKeys = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  offsetCommit: 8,
  offsetFetch: 9,
  findCoordinator: 10,
  joinGroup: 11,
  heartbeat: 12,
  leaveGroup: 13,
  syncGroup: 14,
  apiVersions: 18,
  createTopics: 19,
  deleteTopics: 20,
  initProducerId: 22,
  createPartitions: 37,
} as const;

/** Where the correlation id stands in every request frame, size prefix included. */
export const requestCorrelationAt = 8;

export interface ProduceTemplate {
  /** A whole frame, size prefix included. */
  readonly frame: Buffer;
  /** Where the number of the first partition stands, and from each to the next. */
  readonly partitionAt: number;
  readonly partitionStride: number;
  readonly responseBytes: number;
  /** Of the first partition in a response; the others follow each other. */
  readonly responseErrorAt: number;
  readonly responseBaseOffsetAt: number;
  readonly responseStride: number;
}

/** @param acks −1 (all) or 1. @param partitions how many get the batch with one request. */
export function produceTemplate(
  topic: string,
  batch: Buffer,
  acks: number,
  partitions = 1,
): ProduceTemplate {
  const body = requestHeader(apiKeys.produce, 8)
    .string(null) // Transactional id.
    .int16(acks)
    .int32(30_000)
    .int32(1)
    .string(topic)
    .int32(partitions);
  const partitionAt = 4 + body.size;
  for (let index = 0; index < partitions; index++) body.int32(index).bytes(batch);
  const responseAt = 4 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4;
  // Index, error, base offset, append time, log start, no record errors, no message.
  const responseStride = 4 + 2 + 8 + 8 + 8 + 4 + 2;
  return {
    frame: framed(body),
    partitionAt,
    partitionStride: 8 + batch.length,
    responseBytes: responseAt + partitions * responseStride + 4, // The throttle time is last.
    responseErrorAt: responseAt + 4,
    responseBaseOffsetAt: responseAt + 6,
    responseStride,
  };
}

export interface FetchTemplate {
  readonly frame: Buffer;
  readonly partitionAt: number;
  readonly offsetAt: number;
  /** Bytes of a response before its records, size prefix included. */
  readonly responseHeadBytes: number;
  readonly responseErrorAt: number;
  readonly responseHighWatermarkAt: number;
  readonly responseAbortedAt: number;
  readonly responseRecordsSizeAt: number;
}

/** A sessionless fetch that waits for at least one byte. */
export function fetchTemplate(topic: string, partitionMaxBytes: number): FetchTemplate {
  const body = requestHeader(apiKeys.fetch, 11)
    .int32(-1) // Replica.
    .int32(500) // Max wait.
    .int32(1) // Min bytes.
    .int32(52_428_800)
    .int8(0) // Read uncommitted.
    .int32(0) // Session id and epoch: none.
    .int32(-1)
    .int32(1)
    .string(topic)
    .int32(1);
  const partitionAt = 4 + body.size;
  body
    .int32(0) // Partition.
    .int32(-1) // Leader epoch.
    .int64(0) // Offset.
    .int64(-1) // Log start.
    .int32(partitionMaxBytes)
    .int32(0) // Forgotten topics.
    .string("");
  const partition = 4 + 4 + 4 + 2 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4;
  return {
    frame: framed(body),
    partitionAt,
    offsetAt: partitionAt + 8,
    responseHeadBytes: partition + 4 + 2 + 8 + 8 + 8 + 4 + 4 + 4,
    responseErrorAt: partition + 4,
    responseHighWatermarkAt: partition + 6,
    responseAbortedAt: partition + 30,
    responseRecordsSizeAt: partition + 38,
  };
}

export function requestHeader(apiKey: number, version: number): ByteWriter {
  return new ByteWriter().int16(apiKey).int16(version).int32(0).string("ottla-bench");
}

export function framed(body: ByteWriter): Buffer {
  return new ByteWriter().bytes(body.toBuffer()).toBuffer();
}
