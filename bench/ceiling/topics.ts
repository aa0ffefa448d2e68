/** All that the ceiling remembers: how far each partition has come, and its last batch to serve to readers. */

const defaultPartitions = 12;

export interface CeilingPartition {
  endOffset: number;
  /** The newest batch, replayed for every offset. Its memory is reused. */
  lastBatch: Buffer;
  lastBatchRecords: number;
}

export class CeilingTopics {
  readonly #topics = new Map<string, CeilingPartition[]>();

  names(): string[] {
    return [...this.#topics.keys()];
  }

  create(name: string, partitions: number): void {
    this.#topics.set(
      name,
      Array.from({ length: partitions }, () => ({
        endOffset: 0,
        lastBatch: Buffer.alloc(0),
        lastBatchRecords: 0,
      })),
    );
  }

  delete(name: string): void {
    this.#topics.delete(name);
  }

  /** Every topic exists as soon as it is named. */
  partitions(name: string): CeilingPartition[] {
    if (!this.#topics.has(name)) this.create(name, defaultPartitions);
    return this.#topics.get(name)!;
  }

  partition(name: string, index: number): CeilingPartition {
    const partition = this.partitions(name)[index];
    if (partition === undefined) throw new Error(`no partition ${index} of ${name}`);
    return partition;
  }
}

/** Takes a batch in. @returns its base offset. */
export function acceptBatch(partition: CeilingPartition, batch: Buffer): number {
  const base = partition.endOffset;
  partition.lastBatchRecords = batch.readInt32BE(57);
  partition.endOffset += partition.lastBatchRecords;
  if (partition.lastBatch.length !== batch.length)
    partition.lastBatch = Buffer.allocUnsafeSlow(batch.length);
  batch.copy(partition.lastBatch);
  return base;
}

/** Where replaying whole batches from offset 0 ends: at the end offset or, when the batches differed in size, a little after it. */
export function replayEnd({ endOffset, lastBatchRecords }: CeilingPartition): number {
  if (lastBatchRecords === 0) return 0;
  return Math.ceil(endOffset / lastBatchRecords) * lastBatchRecords;
}

/** Copies of the last batch that fill the offsets from `offset` on; empty at the end of the partition. */
export function replay(partition: CeilingPartition, offset: number, maxBytes: number): Buffer {
  const { lastBatch, lastBatchRecords, endOffset } = partition;
  if (offset >= endOffset) return lastBatch.subarray(0, 0);
  const wanted = Math.ceil((endOffset - offset) / lastBatchRecords);
  const copies = Math.max(1, Math.min(wanted, Math.floor(maxBytes / lastBatch.length)));
  const records = Buffer.allocUnsafe(copies * lastBatch.length);
  for (let copy = 0; copy < copies; copy++) {
    const at = copy * lastBatch.length;
    lastBatch.copy(records, at);
    records.writeBigInt64BE(BigInt(offset + copy * lastBatchRecords), at);
  }
  return records;
}
