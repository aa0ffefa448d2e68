/**
 * Where records without a key go (KIP-480, KIP-794): one partition at a time, another one after about a batch's worth of bytes, so
 * that batches fill. The next one is drawn with a weight that falls with the bytes already queued for it, so a slow broker gets less;
 * partitions without a leader get nothing while another has one.
 */
import type { Random } from "@ottla/platform";

export class StickyPartition {
  readonly #random: Random;
  readonly #switchBytes: number;
  #partition = -1;
  #bytes = 0;

  constructor(random: Random, switchBytes: number) {
    this.#random = random;
    this.#switchBytes = switchBytes;
  }

  /**
   * The partition for the next record. `queued(p)` is asked only when a new one is drawn: bytes waiting for partition `p`, or −1
   * when it has no leader.
   */
  pick(partitionCount: number, queued: (partition: number) => number): number {
    if (
      this.#partition < 0 ||
      this.#bytes >= this.#switchBytes ||
      this.#partition >= partitionCount
    ) {
      this.#partition = draw(this.#random, partitionCount, queued);
      this.#bytes = 0;
    }
    return this.#partition;
  }

  /** Counts the bytes appended to the partition that {@link pick} gave. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

const WEIGHT_SCALE = 1 << 20;

function draw(random: Random, partitionCount: number, queued: (partition: number) => number) {
  let longest = -1;
  const queues = new Array<number>(partitionCount);
  for (let p = 0; p < partitionCount; p++) {
    const bytes = queued(p);
    queues[p] = bytes;
    if (bytes > longest) longest = bytes;
  }
  if (longest <= 0 && queues.every((bytes) => bytes === longest)) {
    return random.integer(partitionCount);
  }
  // KIP-794: weight = longest queue + 1 − own queue, in units that keep the sum below Random's bound.
  const unit = Math.max(1, Math.ceil((longest + 1) / WEIGHT_SCALE));
  let total = 0;
  for (let p = 0; p < partitionCount; p++) {
    const bytes = queues[p]!;
    total += bytes < 0 ? 0 : Math.ceil((longest + 1 - bytes) / unit);
    queues[p] = total;
  }
  const ticket = random.integer(total);
  let partition = 0;
  while (queues[partition]! <= ticket) partition++;
  return partition;
}
