/**
 * What transactions make of a log, told the slow way: from all its batches, one after the other. Imported by tests only, which hold an engine
 * against it.
 */
import assert from "node:assert/strict";
import {
  BatchWalker,
  baseOffset,
  baseSequence,
  isControl,
  isTransactional,
  lastOffset,
  maxTimestamp,
  producerEpoch,
  producerId,
  readControlRecord,
} from "@ottla/protocol";
import type { ProducerDescription } from "./engine.ts";
import type { LocalLogEngine } from "./local-engine.ts";
import { readRequest } from "./test-support.ts";
import type { AbortedTransaction } from "./transaction-index.ts";

export interface TransactionModel {
  readonly producers: readonly ProducerDescription[];
  /** In the order of their markers. */
  readonly aborted: readonly AbortedTransaction[];
  readonly lastStableOffset: number;
  readonly logEnd: number;
}

interface Known {
  epoch: number;
  lastSequence: number;
  lastTimestampMs: number;
  coordinatorEpoch: number;
  open: number;
}

/** @param batches of the whole log, in order. */
export function modelOf(batches: readonly Buffer[]): TransactionModel {
  const known = new Map<number, Known>();
  const aborted: AbortedTransaction[] = [];
  let logEnd = 0;
  const earliestOpen = () => {
    const open = [...known.values()].map((producer) => producer.open).filter((at) => at >= 0);
    return open.length === 0 ? logEnd : Math.min(...open);
  };
  for (const batch of batches) {
    const offset = baseOffset(batch, 0);
    logEnd = lastOffset(batch, 0) + 1;
    const id = producerId(batch, 0);
    if (id < 0) continue;
    const producer = known.get(id) ?? {
      epoch: -1,
      lastSequence: -1,
      lastTimestampMs: -1,
      coordinatorEpoch: -1,
      open: -1,
    };
    known.set(id, producer);
    const epoch = producerEpoch(batch, 0);
    if (epoch !== producer.epoch) producer.lastSequence = -1;
    producer.epoch = epoch;
    producer.lastTimestampMs = maxTimestamp(batch, 0);
    if (!isControl(batch, 0)) {
      const first = baseSequence(batch, 0);
      const last = (first + logEnd - 1 - offset) % 2 ** 31;
      producer.lastSequence = first < 0 ? -1 : last;
      if (isTransactional(batch, 0) && producer.open < 0) producer.open = offset;
      continue;
    }
    const record = readControlRecord(batch)!;
    producer.coordinatorEpoch = record.coordinatorEpoch;
    const firstOffset = producer.open;
    producer.open = -1;
    if (firstOffset < 0 || record.type !== "abort") continue;
    const lastStableOffset = earliestOpen();
    aborted.push({ producerId: id, firstOffset, lastOffset: offset, lastStableOffset });
  }
  const producers = [...known].map(([id, producer]) => ({
    producerId: id,
    producerEpoch: producer.epoch,
    lastSequence: producer.lastSequence,
    lastTimestampMs: producer.lastTimestampMs,
    coordinatorEpoch: producer.coordinatorEpoch,
    currentTxnStartOffset: producer.open,
  }));
  return { producers: byId(producers), aborted, lastStableOffset: earliestOpen(), logEnd };
}

/** What a committed read of `[from, to)` must be told. */
export function abortedIn(model: TransactionModel, from: number, to: number) {
  return model.aborted
    .filter(({ firstOffset, lastOffset }) => firstOffset < to && lastOffset >= from)
    .sort((a, b) => a.firstOffset - b.firstOffset)
    .map(({ producerId: id, firstOffset }) => ({ producerId: id, firstOffset }));
}

/** All batches of a partition from its start on. */
export async function readBatches(
  engine: LocalLogEngine,
  topicId: string,
  partition: number,
): Promise<Buffer[]> {
  const batches: Buffer[] = [];
  let offset = engine.describe(topicId, partition)!.logStartOffset;
  for (;;) {
    const [result] = await engine.read(readRequest(topicId, partition, offset));
    assert.equal(result!.error, null);
    if (result!.sizeBytes === 0) return batches;
    batches.push(...split(result!.records));
    offset = lastOffset(batches.at(-1)!, 0) + 1;
  }
}

/**
 * Holds a partition against the model: producers, last stable offset, and committed reads of at most `maxBytes` one after the other from
 * `start` on.
 */
export async function checkPartition(
  engine: LocalLogEngine,
  topicId: string,
  partition: number,
  model: TransactionModel,
  start: number,
  maxBytes: number,
): Promise<void> {
  const description = engine.describe(topicId, partition)!;
  const stable = Math.max(model.lastStableOffset, description.logStartOffset);
  assert.equal(description.logEndOffset, model.logEnd);
  assert.equal(description.lastStableOffset, stable);
  let offset = Math.max(start, description.logStartOffset);
  while (offset <= stable) {
    const [result] = await engine.read(
      readRequest(topicId, partition, offset, {
        isolation: "committed",
        partitionMaxBytes: maxBytes,
      }),
    );
    assert.equal(result!.error, null);
    assert.equal(result!.lastStableOffset, stable);
    const found = split(result!.records);
    if (found.length === 0) {
      assert.equal(offset, stable);
      assert.deepEqual(result!.abortedTransactions, []);
      return;
    }
    const end = lastOffset(found.at(-1)!, 0) + 1;
    assert.ok(end <= stable, "a read went beyond the last stable offset");
    const told = result!.abortedTransactions!.map(({ producerId: id, firstOffset }) => ({
      producerId: id,
      firstOffset,
    }));
    assert.deepEqual(told, abortedIn(model, offset, end), `aborted in ${offset} to ${end}`);
    offset = end;
  }
}

export function byId(producers: readonly ProducerDescription[]): readonly ProducerDescription[] {
  return [...producers].sort((a, b) => a.producerId - b.producerId);
}

function split(records: readonly Buffer[]): Buffer[] {
  const batches: Buffer[] = [];
  for (const buffer of records) {
    const walker = new BatchWalker(buffer);
    while (walker.next()) {
      batches.push(buffer.subarray(walker.position, walker.position + walker.size));
    }
  }
  return batches;
}
