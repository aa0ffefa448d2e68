/** Batches and engines for tests. Imported by tests only. */
import { type Clock, MemoryFileSystem, SystemClock, SystemRandom } from "@ottla/platform";
import {
  BatchWalker,
  baseOffset,
  buildEndMarker,
  isBatchCrcValid,
  lastOffset,
  RECORD_BATCH_OVERHEAD,
  writeBatchHeader,
} from "@ottla/protocol";
import type { AppendRequest, AppendResult, LogConfig, ReadRequest } from "./engine.ts";
import { LocalLogEngine } from "./local-engine.ts";
import type { LocalLogOptions } from "./options.ts";

export const config: LogConfig = {
  cleanupPolicy: { delete: true, compact: false },
  compressionType: "producer",
  compressionLevels: { gzip: -1, lz4: 9, zstd: 3 },
  maxMessageBytes: 1_048_588,
  timestampType: "CreateTime",
  timestampBeforeMaxMs: Infinity,
  timestampAfterMaxMs: 3_600_000,
  minInsyncReplicas: 1,
  segmentBytes: 1_073_741_824,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10_485_760,
  indexIntervalBytes: 4096,
  retentionMs: 604_800_000,
  retentionBytes: -1,
  fileDeleteDelayMs: 60_000,
  flushMessages: Infinity,
  flushMs: Infinity,
  deleteRetentionMs: 86_400_000,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Infinity,
  minCleanableDirtyRatio: 0.5,
  preallocate: false,
};

export interface BatchOptions {
  readonly values?: readonly (Buffer | string)[];
  readonly keys?: readonly (Buffer | string | null)[];
  /** Timestamp of each record. */
  readonly timestamps?: readonly number[];
  readonly producerId?: number;
  readonly epoch?: number;
  readonly sequence?: number;
  readonly attributes?: number;
}

/** A batch of magic 2, uncompressed, as a producer sends it. */
export function makeBatch(options: BatchOptions = {}): Buffer {
  const values = (options.values ?? ["value"]).map((value) => Buffer.from(value));
  const timestamps = options.timestamps ?? values.map(() => 1_000);
  const base = timestamps[0] ?? 0;
  const records = values.map((value, i) => {
    const key = options.keys?.[i] ?? null;
    return makeRecord(
      i,
      (timestamps[i] ?? base) - base,
      key === null ? null : Buffer.from(key),
      value,
    );
  });
  const body = Buffer.concat(records);
  const batch = Buffer.concat([Buffer.alloc(RECORD_BATCH_OVERHEAD), body]);
  writeBatchHeader(batch, 0, {
    baseOffset: 0,
    size: batch.length,
    partitionLeaderEpoch: -1,
    attributes: options.attributes ?? 0,
    lastOffsetDelta: values.length - 1,
    baseTimestamp: base,
    maxTimestamp: timestamps.reduce((a, b) => Math.max(a, b)),
    producerId: options.producerId ?? -1,
    producerEpoch: options.epoch ?? (options.producerId === undefined ? -1 : 0),
    baseSequence: options.sequence ?? (options.producerId === undefined ? -1 : 0),
    recordsCount: values.length,
  });
  return batch;
}

function makeRecord(offset: number, delta: number, key: Buffer | null, value: Buffer): Buffer {
  const parts = [Buffer.from([0]), varint(delta), varint(offset)];
  if (key === null) parts.push(varint(-1));
  else parts.push(varint(key.length), key);
  parts.push(varint(value.length), value, varint(0));
  const body = Buffer.concat(parts);
  return Buffer.concat([varint(body.length), body]);
}

function varint(value: number): Buffer {
  let rest = BigInt(value) >= 0n ? BigInt(value) * 2n : BigInt(value) * -2n - 1n;
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** A 22-character topic id that says which number it was made from. */
export function topicId(number: number): string {
  const bytes = Buffer.alloc(16, 7);
  bytes.writeUInt32BE(number, 12);
  return bytes.toString("base64url");
}

export const smallLimits = {
  tailBytes: 1_048_576,
  journalBufferBytes: 65_536,
  journalFirstFileBytes: 131_072,
  journalFileBytes: 262_144,
  journalMaxBytes: 1_048_576,
  segmentWriteBytes: 32_768,
  retryDelayMs: 0,
} as const;

export function openEngine(options: Partial<LocalLogOptions> = {}): Promise<LocalLogEngine> {
  return LocalLogEngine.open({
    fileSystem: new MemoryFileSystem(),
    directory: "/data",
    clock: new SystemClock() as Clock,
    random: new SystemRandom(),
    ...smallLimits,
    ...options,
  });
}

export function appendRequest(
  partitions: AppendRequest["partitions"],
  options: Partial<AppendRequest> = {},
): AppendRequest {
  return {
    acks: -1,
    origin: "client",
    allowsZstd: true,
    isTransactional: false,
    partitions,
    ...options,
  };
}

/** Resolves when what was appended before is staged, or waits for room. */
export function staged(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** Appends one batch to one partition. */
export async function appendOne(
  engine: LocalLogEngine,
  id: string,
  partition: number,
  records: Buffer | null,
  options: Partial<AppendRequest> = {},
): Promise<AppendResult> {
  const results = await engine.append(
    appendRequest([{ topicId: id, partition, records }], options),
  );
  return results[0]!;
}

/** Appends an end marker, by default one that commits. */
export function appendMarker(
  engine: LocalLogEngine,
  id: string,
  partition: number,
  producerId: number,
  marker: {
    readonly epoch: number;
    readonly coordinatorEpoch?: number;
    readonly type?: "abort" | "commit";
    readonly timestampMs?: number;
  },
  options: Partial<AppendRequest> = {},
): Promise<AppendResult> {
  const records = buildEndMarker({
    type: marker.type ?? "commit",
    producerId,
    producerEpoch: marker.epoch,
    coordinatorEpoch: marker.coordinatorEpoch ?? 0,
    timestampMs: marker.timestampMs ?? 1_000,
  });
  const coordinator = { origin: "coordinator", isTransactional: true } as const;
  return appendOne(engine, id, partition, records, { ...coordinator, ...options });
}

export function readRequest(
  id: string,
  partition: number,
  offset: number,
  options: Partial<ReadRequest> & { partitionMaxBytes?: number } = {},
): ReadRequest {
  return {
    partitions: [
      {
        topicId: id,
        partition,
        offset,
        maxBytes: options.partitionMaxBytes ?? 1_048_576,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
      },
    ],
    minBytes: 1,
    maxBytes: 52_428_800,
    maxWaitMs: 0,
    isolation: "uncommitted",
    allowsZstd: true,
    ...options,
  };
}

/** Reads a partition to its end, batch by batch: base offset and the bytes behind the header. */
export async function readAll(
  engine: LocalLogEngine,
  id: string,
  partition: number,
  from = 0,
  maxBytes = 1_048_576,
): Promise<{ readonly baseOffset: number; readonly body: string }[]> {
  const found: { baseOffset: number; body: string }[] = [];
  let offset = from;
  for (;;) {
    const [result] = await engine.read(
      readRequest(id, partition, offset, { partitionMaxBytes: maxBytes }),
    );
    if (result!.error !== null) throw new Error(`read at ${offset}: ${result!.error}`);
    if (result!.sizeBytes === 0) return found;
    for (const records of result!.records) {
      const walker = new BatchWalker(records);
      while (walker.next()) {
        const batch = records.subarray(walker.position, walker.position + walker.size);
        if (!isBatchCrcValid(batch, 0)) throw new Error(`bad CRC at ${baseOffset(batch, 0)}`);
        found.push({ baseOffset: baseOffset(batch, 0), body: batch.toString("latin1", 61) });
        offset = lastOffset(batch, 0) + 1;
      }
    }
    result!.release?.();
  }
}
