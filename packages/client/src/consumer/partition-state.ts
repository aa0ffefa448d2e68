import { AbortedTransactions } from "./aborted.ts";
import type { PartitionRecords } from "./records.ts";

/** Where reading of a partition stands. Changed by the consumer and its fetcher only, never across an `await` without a new look. */
export class PartitionState {
  readonly topic: string;
  readonly partition: number;
  /** The next offset the application gets; −1 until it is known. */
  position = -1;
  /** The next offset to ask the broker for; ahead of `position` by what is buffered. */
  fetchPosition = -1;
  /** Leader epoch of the last batch before `fetchPosition`, or −1. */
  fetchedEpoch = -1;
  /** Leader epoch of the last batch before `position`, or −1. */
  positionEpoch = -1;
  /** Whether the reset policy decides even if there is a committed offset, because that was out of range. */
  mustReset = false;
  isPaused = false;
  /** Set while assigned: buffers and answers of a former assignment are not mixed up with those of this one. */
  isAssigned = true;
  buffered: PartitionRecords[] = [];
  bufferedBytes = 0;
  /** The partition's end as last seen: last stable offset or high watermark; −1 before the first answer. */
  endOffset = -1;
  logStartOffset = -1;
  /** Thrown at the next poll. */
  error: Error | null = null;
  /** Monotonic; not asked before. */
  retryAtMs = 0;
  failures = 0;
  /** Another replica to read from (KIP-392), or −1 for the leader. */
  readReplica = -1;
  readReplicaUntilMs = 0;
  readonly aborted = new AbortedTransactions();

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  /** Continues at `offset`; −1 means that it has to be looked up. Returns the bytes that were buffered. */
  seek(offset: number): number {
    const bytes = this.dropBuffered();
    this.position = offset;
    this.fetchPosition = offset;
    this.fetchedEpoch = -1;
    this.positionEpoch = -1;
    this.error = null;
    this.retryAtMs = 0;
    this.failures = 0;
    this.aborted.clear();
    return bytes;
  }

  /** Lets go of what was fetched and not handed out; returns its bytes. */
  dropBuffered(): number {
    const bytes = this.bufferedBytes;
    for (const records of this.buffered) records.release();
    this.buffered = [];
    this.bufferedBytes = 0;
    return bytes;
  }
}
