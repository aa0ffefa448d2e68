/**
 * What a batch must be to enter a log: one pure function per question, in the order in which Kafka asks them, used by every engine.
 *
 *  1. {@link inspectBatch}: is there exactly one batch of magic 2, and may this origin write it (LG1, LG2)? Fills a {@link BatchInfo}.
 *     Kafka asks this before it looks at the log, so these refusals know no log start; then {@link inspectBaseOffset}.
 *  2. The caller compares the CRC-32C, over whatever copy of the bytes it has at hand.
 *  3. {@link inspectRecords}: do the records agree with the header, are timestamps and keys allowed (LG1, LG5, LG6)?
 *  4. {@link checkProducer}: epochs, sequences and transactions (IP1–IP5, TX10), or {@link checkMarker} (TX7).
 *
 * The same fault has the same answer as in Kafka 4.3: bytes that cannot be a batch are `corruptBatch`, a batch that contradicts itself
 * or its request is `invalidRecord`.
 */
import {
  attributes,
  baseOffset,
  baseSequence,
  baseTimestamp,
  batchCrc,
  batchSize,
  COMPRESSION_MASK,
  CONTROL_BIT,
  LOG_OVERHEAD,
  lastOffsetDelta,
  MAGIC_V2,
  maxTimestamp,
  producerEpoch,
  producerId,
  RECORD_BATCH_OVERHEAD,
  recordsCount,
  TIMESTAMP_TYPE_BIT,
  TRANSACTIONAL_BIT,
} from "@ottla/protocol";
import type { AppendRequest, LogConfig, LogErrorKind } from "./engine.ts";
import { addSequence, type ProducerBatch, type ProducerStates } from "./producer-state.ts";
import { type RecordScan, scanRecords } from "./record-scan.ts";
import { type Marker, readMarker } from "./transaction-markers.ts";

/** Why a batch is refused, in words for people and with the records at fault. */
export interface AppendFault {
  readonly error: LogErrorKind;
  readonly message: string | null;
  readonly recordErrors: readonly { readonly index: number; readonly message: string | null }[];
}

/** What an append has to know of a batch. One object is filled again and again. */
export class BatchInfo {
  /** Bytes of the batch; the buffer may hold an incomplete tail behind it. */
  sizeBytes = 0;
  crc = 0;
  attributes = 0;
  compression = 0;
  isTransactional = false;
  isControl = false;
  lastOffsetDelta = 0;
  baseTimestamp = 0;
  maxTimestamp = 0;
  producerId = -1;
  producerEpoch = -1;
  baseSequence = -1;
  /** Sequence of the last record; −1 without a producer id. */
  lastSequence = -1;
}

/** Smallest size that Kafka accepts in a batch's length field: that of a record of magic 0. */
const MINIMUM_LENGTH = 14;
const HEADER_UP_TO_MAGIC = 17;
const MAX_RECORD_ERRORS = 3;
const ZSTD = 4;

const NO_RECORD_ERRORS: readonly [] = [];

export function fault(error: LogErrorKind, message: string | null): AppendFault {
  return { error, message, recordErrors: NO_RECORD_ERRORS };
}

/** Looks at the batch as a whole. Returns null and fills `info` when it may go on. */
export function inspectBatch(
  records: Buffer | null,
  request: AppendRequest,
  config: LogConfig,
  info: BatchInfo,
): AppendFault | null {
  if (records === null) return fault("invalidRecord", "A produce request must carry one batch");
  const first = nextBatchSize(records, 0);
  if (first < 0) return fault("corruptBatch", "The batch's length or magic is impossible");
  if (first === 0) return fault("invalidRecord", "A produce request must carry one whole batch");
  if (records[16] !== MAGIC_V2) {
    return fault("invalidRecord", "Only record batches of magic 2 are accepted");
  }
  const isClient = request.origin === "client";
  const bits = first >= RECORD_BATCH_OVERHEAD ? attributes(records, 0) : 0;
  const compression = bits & COMPRESSION_MASK;
  if (compression === ZSTD && !request.allowsZstd) {
    return fault("unsupportedCompression", "zstd needs Produce version 7");
  }
  if (first < records.length) {
    const second = nextBatchSize(records, first);
    if (second < 0)
      return fault("corruptBatch", "The second batch's length or magic is impossible");
    if (second > 0) return fault("invalidRecord", "A produce request must carry exactly one batch");
  }
  if ((bits & TRANSACTIONAL_BIT) !== 0 && isClient && !request.isTransactional) {
    return fault("transactionalIdRequired", null);
  }
  if (first > config.maxMessageBytes) {
    return fault(
      "messageTooLarge",
      `The batch has ${first} bytes, more than max.message.bytes ${config.maxMessageBytes}`,
    );
  }
  if (first < RECORD_BATCH_OVERHEAD) return fault("corruptBatch", "The batch is too short");
  info.sizeBytes = first;
  info.crc = batchCrc(records, 0);
  info.attributes = bits;
  info.compression = compression;
  info.isTransactional = (bits & TRANSACTIONAL_BIT) !== 0;
  info.isControl = (bits & CONTROL_BIT) !== 0;
  return null;
}

/** Offsets are the log's to give: a client's batch starts at 0. */
export function inspectBaseOffset(records: Buffer, request: AppendRequest): AppendFault | null {
  if (request.origin !== "client" || isZero(records, 0, 8)) return null;
  return fault("invalidRecord", `The base offset is ${baseOffset(records, 0)} instead of 0`);
}

/** What the header says of the records, once its CRC is known to be right. */
export function inspectHeader(
  records: Buffer,
  request: AppendRequest,
  config: LogConfig,
  info: BatchInfo,
): AppendFault | null {
  const delta = lastOffsetDelta(records, 0);
  const count = recordsCount(records, 0);
  if (delta < 0 || count <= 0 || count !== delta + 1) {
    return fault(
      "invalidRecord",
      `The batch claims ${count} records but its last offset delta is ${delta}`,
    );
  }
  if (info.isControl && request.origin === "client") {
    return fault("invalidRecord", "Clients may not write control batches");
  }
  if (!areTimestampsSane(records)) return fault("invalidTimestamp", "A timestamp is out of range");
  info.lastOffsetDelta = delta;
  info.baseTimestamp = baseTimestamp(records, 0);
  info.maxTimestamp = maxTimestamp(records, 0);
  info.producerId = producerId(records, 0);
  info.producerEpoch = producerEpoch(records, 0);
  info.baseSequence = baseSequence(records, 0);
  info.lastSequence = -1;
  if (info.producerId >= 0 && !info.isControl) {
    if (info.baseSequence < 0 && request.origin === "client") {
      return fault(
        "invalidRecord",
        `Producer ${info.producerId} with sequence ${info.baseSequence}`,
      );
    }
    info.lastSequence = addSequence(info.baseSequence, delta);
  }
  if (info.compression > ZSTD) {
    return fault("unknownCompression", `There is no compression ${info.compression}`);
  }
  if (info.sizeBytes > config.segmentBytes) {
    return fault(
      "recordListTooLarge",
      `The batch has ${info.sizeBytes} bytes, more than segment.bytes ${config.segmentBytes}`,
    );
  }
  return null;
}

/** Whether {@link inspectRecords} needs the records of a compressed batch, rather than its header alone. */
export function needsRecords(config: LogConfig, info: BatchInfo, nowMs: number): boolean {
  if (info.isControl) return false;
  if (config.cleanupPolicy.compact) return true;
  if (config.timestampType === "LogAppendTime") return false;
  return (
    Number.isFinite(config.timestampBeforeMaxMs) ||
    info.maxTimestamp - nowMs > config.timestampAfterMaxMs
  );
}

const scan: RecordScan = {
  limitLow: -Infinity,
  limitHigh: Infinity,
  requiresKeys: false,
  faults: [],
  faultsCount: 0,
  onlyTimestamps: true,
  maxTimestamp: -1,
  minTimestamp: -1,
};

/**
 * Walks `[at, end)`, the batch's uncompressed records. `info.maxTimestamp` becomes that of the records.
 * @param config null skips what a topic demands (batches of the engine itself).
 */
export function inspectRecords(
  bytes: Buffer,
  at: number,
  end: number,
  config: LogConfig,
  info: BatchInfo,
  nowMs: number,
): AppendFault | null {
  const checksTime = config.timestampType === "CreateTime" && !info.isControl;
  scan.limitLow = checksTime ? nowMs - config.timestampBeforeMaxMs : -Infinity;
  scan.limitHigh = checksTime ? nowMs + config.timestampAfterMaxMs : Infinity;
  scan.requiresKeys = config.cleanupPolicy.compact && !info.isControl;
  if (scan.faults.length > 0) scan.faults = [];
  scan.faultsCount = 0;
  scan.onlyTimestamps = true;
  scan.maxTimestamp = -1;
  const problem = scanRecords(bytes, at, end, info.lastOffsetDelta + 1, info.baseTimestamp, scan);
  if (problem !== null) return fault("invalidRecord", problem);
  if (scan.faultsCount > 0) return describeFaults(scan);
  // As of the header's timestamps: what a record adds to them may be any int64, or more.
  if (!Number.isSafeInteger(scan.maxTimestamp) || !Number.isSafeInteger(scan.minTimestamp)) {
    return fault("invalidTimestamp", "A timestamp is out of range");
  }
  info.maxTimestamp = scan.maxTimestamp;
  return null;
}

/** Whether the batch is new for its producer: null, the batch it repeats, or why it is refused. */
export function checkProducer(
  producers: ProducerStates,
  info: BatchInfo,
  request: AppendRequest,
): ProducerBatch | AppendFault | null {
  const { producerId: id, producerEpoch: epoch, baseSequence: first, lastSequence: last } = info;
  const isClient = request.origin === "client";
  const duplicate = isClient ? producers.findDuplicate(id, epoch, first, last) : null;
  if (duplicate !== null) return duplicate;
  const startsAtZero = info.isTransactional && request.transactionVersion === 2;
  const problem =
    (isClient
      ? producers.check(id, epoch, first, startsAtZero)
      : producers.checkEpoch(id, epoch)) ?? producers.checkTransaction(id, info.isTransactional);
  if (problem === null) return null;
  return fault(problem, `Producer ${id} with epoch ${epoch} and sequences ${first} to ${last}`);
}

/** Whether the control batch may be appended: the end marker in it, or why not. */
export function checkMarker(
  producers: ProducerStates,
  bytes: Buffer,
  info: BatchInfo,
  request: AppendRequest,
): Marker | AppendFault {
  const { producerId: id, producerEpoch: epoch } = info;
  const marker = info.isTransactional ? readMarker(bytes, id, epoch, info.maxTimestamp) : null;
  if (marker === null) return fault("invalidRecord", "The control batch is no end marker");
  const { coordinatorEpoch } = marker;
  const version = request.transactionVersion ?? 0;
  const problem = producers.checkMarker(id, epoch, coordinatorEpoch, version);
  if (problem === null) return marker;
  const from = `a coordinator of epoch ${coordinatorEpoch}`;
  return fault(problem, `End marker for producer ${id} with epoch ${epoch} from ${from}`);
}

export function isFault(result: ProducerBatch | Marker | AppendFault): result is AppendFault {
  return "error" in result;
}

/** Bytes of the batch at `at`; 0 when it is incomplete, −1 when it cannot be one. */
function nextBatchSize(records: Buffer, at: number): number {
  const remaining = records.length - at;
  if (remaining < LOG_OVERHEAD) return 0;
  const size = batchSize(records, at);
  if (size - LOG_OVERHEAD < MINIMUM_LENGTH) return -1;
  if (remaining < HEADER_UP_TO_MAGIC) return 0;
  if (records[at + 16]! > MAGIC_V2) return -1;
  return size > remaining ? 0 : size;
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    if (bytes[i] !== 0) return false;
  }
  return true;
}

/** int64 fields of a client are numbers here, so what exceeds 2^53 is refused before it is read. */
function areTimestampsSane(records: Buffer): boolean {
  return isSafeInt64(records, 27) && isSafeInt64(records, 35) && isSafeInt64(records, 43);
}

function isSafeInt64(bytes: Buffer, at: number): boolean {
  const top = ((bytes[at]! << 24) | (bytes[at + 1]! << 16)) >> 21;
  return top === 0 || top === -1;
}

function describeFaults(scan: RecordScan): AppendFault {
  const { faults, faultsCount } = scan;
  const first = faults.slice(0, MAX_RECORD_ERRORS).map(({ message }) => message);
  return {
    error: scan.onlyTimestamps ? "invalidTimestamp" : "invalidRecord",
    message: `One or more records have been rejected due to ${faultsCount} record errors in total, and only showing the first three errors at most: ${first.join("; ")}`,
    recordErrors: faults,
  };
}

/** Attribute bits of a stored batch whose time is that of the append. */
export const LOG_APPEND_TIME = TIMESTAMP_TYPE_BIT;
