/**
 * What one broker knows of a share consumer: the partitions its session covers (KIP-932) and, beside that, the records acquired from it that
 * wait for an acknowledgement or for that to be sent. Requests of a session are numbered; only one may be under way. A session that the
 * broker forgot, or that ended with its connection, has released every lock: acknowledgements of its records count no more.
 */

import { brokerError } from "../broker-error.ts";
import type { BrokerError } from "../errors.ts";
import {
  type AcknowledgementBatch,
  type AcknowledgementResult,
  acknowledgementBatches,
  GAP,
  RENEW,
} from "./acknowledgements.ts";

export interface SharePartition {
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
}

export interface SharePartitionRequest extends SharePartition {
  readonly acknowledgementBatches: readonly AcknowledgementBatch[];
}

export interface ShareRequest {
  readonly epoch: number;
  readonly isRenewal: boolean;
  readonly partitions: readonly SharePartitionRequest[];
  readonly forgotten: readonly SharePartition[];
}

/** A record in the application's hands that it has not acknowledged. */
const UNDECIDED = -1;
/** Its lock was renewed: acknowledging it is due, but not before the next poll. */
const RENEWED = -2;

const SHARE_SESSION_NOT_FOUND = 122;
const FIRST_EPOCH = 0;
const FINAL_EPOCH = -1;
const MAX_EPOCH = 0x7fff_ffff;

interface Covered {
  readonly partition: SharePartition;
  /** Whether the broker's session has it. */
  isKnown: boolean;
  /** By offset: undecided, renewed, or the code to be sent. */
  readonly acquired: Map<number, number>;
  /** What the request under way says. */
  sent: Map<number, number>;
}

export class ShareSession {
  /** Counts sessions: records of a former one are acquired no more. */
  generation = 0;
  #epoch = FIRST_EPOCH;
  readonly #covered = new Map<string, Map<number, Covered>>();

  /** Whether there is anything to acknowledge in the next request. */
  get hasDecisions(): boolean {
    return this.#all().some(({ acquired }) => decisionsOf(acquired).size > 0);
  }

  /** Whether a lock is to be renewed, which a fetch cannot do. */
  get hasRenewals(): boolean {
    return this.#all().some(({ acquired }) => [...acquired.values()].includes(RENEW));
  }

  /** Whether the application holds records that it has to acknowledge before it polls again. */
  get hasUndecided(): boolean {
    return this.#all().some(({ acquired }) => [...acquired.values()].includes(UNDECIDED));
  }

  /** Takes in what the broker handed out. */
  onAcquired(partition: SharePartition, offsets: Iterable<number>, gaps: readonly number[]): void {
    const { acquired } = this.#cover(partition);
    for (const offset of offsets) acquired.set(offset, UNDECIDED);
    for (const offset of gaps) acquired.set(offset, GAP);
  }

  /** Notes what is to be said about a record. False when it is not acquired in this session. */
  decide({ topicId, partition }: SharePartition, offset: number, code: number): boolean {
    const acquired = this.#covered.get(topicId)?.get(partition)?.acquired;
    if (acquired?.has(offset) !== true) return false;
    acquired.set(offset, code);
    return true;
  }

  /** Decides all that is undecided. */
  decideAll(code: number): void {
    for (const { acquired } of this.#all()) {
      for (const [offset, known] of acquired) {
        if (known === UNDECIDED) acquired.set(offset, code);
      }
    }
  }

  /** The next fetch: partitions the session lacks, those with something to acknowledge, and those to forget. */
  buildFetch(wanted: readonly SharePartition[]): ShareRequest {
    for (const partition of wanted) this.#cover(partition);
    const isWanted = (covered: Covered) =>
      wanted.some(
        ({ topicId, partition }) =>
          topicId === covered.partition.topicId && partition === covered.partition.partition,
      );
    const all = this.#all();
    const forgotten = all.filter((covered) => covered.isKnown && !isWanted(covered));
    const requests = all
      .map((covered) => ({ covered, batches: this.#take(covered, false) }))
      .filter(
        ({ covered, batches }) => batches.length > 0 || (isWanted(covered) && !covered.isKnown),
      );
    for (const { covered } of requests) covered.isKnown = true;
    for (const covered of forgotten) covered.isKnown = false;
    return {
      epoch: this.#epoch,
      isRenewal: false,
      partitions: requests.map(toRequest),
      forgotten: forgotten.map(({ partition }) => partition),
    };
  }

  /** What is decided, as a request of its own; null when there is nothing. */
  buildAcknowledge(): ShareRequest | null {
    const requests = this.#takeAll(true);
    if (requests.length === 0) return null;
    const isRenewal = this.#all().some(({ sent }) => [...sent.values()].includes(RENEW));
    return { epoch: this.#epoch, isRenewal, partitions: requests.map(toRequest), forgotten: [] };
  }

  /** The last request: says what is decided, and lets go of everything else. Null when there is no session. */
  buildClose(): ShareRequest | null {
    if (this.#epoch === FIRST_EPOCH) return null;
    const partitions = this.#takeAll(false).map(toRequest);
    return { epoch: FINAL_EPOCH, isRenewal: false, partitions, forgotten: [] };
  }

  /** The broker took the request. `errorOf` tells what it said about the acknowledgements of one partition. */
  onAnswer(
    errorOf: (partition: SharePartition) => BrokerError | null,
  ): readonly AcknowledgementResult[] {
    this.#epoch = this.#epoch >= MAX_EPOCH ? 1 : this.#epoch + 1;
    return this.#settle(errorOf);
  }

  /** The request failed, and with it the session: the next one starts over. */
  onFailure(error: BrokerError | null): readonly AcknowledgementResult[] {
    const lost = error ?? sessionLost();
    for (const covered of this.#all()) {
      for (const [offset, code] of decisionsOf(covered.acquired)) covered.sent.set(offset, code);
    }
    const results = this.#settle(() => lost);
    this.#epoch = FIRST_EPOCH;
    this.generation++;
    this.#covered.clear();
    return results;
  }

  #settle(
    errorOf: (partition: SharePartition) => BrokerError | null,
  ): readonly AcknowledgementResult[] {
    const results: AcknowledgementResult[] = [];
    for (const { partition, acquired, sent } of this.#all()) {
      if (sent.size === 0) continue;
      const error = errorOf(partition);
      const offsets: number[] = [];
      for (const [offset, code] of sent) {
        if (code !== GAP) offsets.push(offset);
        if (code === RENEW && error === null) acquired.set(offset, RENEWED);
      }
      sent.clear();
      const { topic, partition: number } = partition;
      offsets.sort((a, b) => a - b);
      if (offsets.length > 0) results.push({ topic, partition: number, offsets, error });
    }
    return results;
  }

  #takeAll(withRenewals: boolean) {
    return this.#all()
      .map((covered) => ({ covered, batches: this.#take(covered, withRenewals) }))
      .filter(({ batches }) => batches.length > 0);
  }

  /** Moves decisions from what is acquired to what is sent. Renewals travel with acknowledgements only. */
  #take(covered: Covered, withRenewals: boolean): AcknowledgementBatch[] {
    // The first request of a session cannot acknowledge: the broker would refuse it.
    if (this.#epoch === FIRST_EPOCH) return [];
    for (const [offset, code] of decisionsOf(covered.acquired)) {
      if (code === RENEW && !withRenewals) continue;
      covered.acquired.delete(offset);
      covered.sent.set(offset, code);
    }
    return acknowledgementBatches(covered.sent);
  }

  #cover(partition: SharePartition): Covered {
    let ofTopic = this.#covered.get(partition.topicId);
    if (ofTopic === undefined) {
      ofTopic = new Map();
      this.#covered.set(partition.topicId, ofTopic);
    }
    let covered = ofTopic.get(partition.partition);
    if (covered === undefined) {
      covered = { partition, isKnown: false, acquired: new Map(), sent: new Map() };
      ofTopic.set(partition.partition, covered);
    }
    return covered;
  }

  #all(): Covered[] {
    return [...this.#covered.values()].flatMap((ofTopic) => [...ofTopic.values()]);
  }
}

/** Why acknowledgements of a former session's records count for nothing. */
export function sessionLost(): BrokerError {
  return brokerError(SHARE_SESSION_NOT_FOUND, "acknowledgement");
}

function decisionsOf(acquired: ReadonlyMap<number, number>): Map<number, number> {
  return new Map([...acquired].filter(([, code]) => code >= GAP));
}

function toRequest(request: {
  readonly covered: Covered;
  readonly batches: readonly AcknowledgementBatch[];
}): SharePartitionRequest {
  return { ...request.covered.partition, acknowledgementBatches: request.batches };
}
