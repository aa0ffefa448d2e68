/**
 * A transactional producer of the fault runs. What is asked is asked again until it is answered, through crashes of the broker; sometimes
 * the producer gives up instead and begins anew, as after a crash of its own, which fences what it left open.
 */
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  endTxn,
  errorName,
  findCoordinator,
  initProducerId,
  produce,
  txnOffsetCommit,
} from "@ottla/protocol";
import { batchOf, TRANSACTIONAL } from "../../wire/batch.ts";
import { ConnectionClosed, type WireConnection } from "../../wire/connection.ts";
import type { Surroundings } from "../process.ts";
import type { SentOffset, SentValue, TransactionalOperation } from "./history.ts";

/** Which requests it speaks: those of before KIP-890, or those that add partitions and groups by themselves. */
export type TransactionVersion = 1 | 2;

/** The connection of the application that owns the producer. */
export interface Link {
  connection(): Promise<WireConnection>;
  disconnect(): void;
  breathe(maximumMs: number): Promise<void>;
  unexpected(what: string): void;
}

export interface TransactorOptions {
  readonly transactionalId: string;
  readonly version: TransactionVersion;
  readonly timeoutMs: number;
  readonly link: Link;
  readonly surroundings: Surroundings;
  readonly note: (operation: TransactionalOperation) => void;
}

/** The producer cannot go on with its transaction: it has to begin anew with {@link Transactor.init}. */
export class Restart extends Error {
  override readonly name = "Restart";
}

/** The transaction has to be aborted: the group went on without the member. */
export class MustAbort extends Error {
  override readonly name = "MustAbort";
  readonly errorCode: number;
  constructor(errorCode: number) {
    super(errorName(errorCode));
    this.errorCode = errorCode;
  }
}

interface Open {
  readonly id: string;
  readonly sends: SentValue[];
  readonly offsets: SentOffset[];
  readonly since: number;
  readonly added: Set<string>;
}

export interface GroupIdentity {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
}

export class Transactor {
  readonly #options: TransactorOptions;
  readonly #sequences = new Map<string, number>();
  #producerId = -1;
  #producerEpoch = -1;
  #count = 0;
  #open: Open | null = null;

  constructor(options: TransactorOptions) {
    this.#options = options;
  }

  /** The name of the open transaction, which its values carry. */
  get current(): string {
    return this.#open!.id;
  }

  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** Takes the transactional id; what an earlier life left open is aborted. */
  async init(): Promise<void> {
    this.#open = null;
    const { transactionalId, timeoutMs } = this.#options;
    await this.#ask(async (connection) => {
      await connection.request(findCoordinator, 3, { key: transactionalId, keyType: 1 });
      const body = { transactionalId, transactionTimeoutMs: timeoutMs };
      const answer = await connection.request(initProducerId, 4, body);
      if (answer.errorCode === 0) this.#adopt(answer);
      return [answer.errorCode];
    });
  }

  begin(): void {
    const id = `${this.#options.transactionalId}.${++this.#count}`;
    const open = { id, sends: [], offsets: [], since: performance.now(), added: new Set<string>() };
    this.#open = open;
    this.#options.note({ kind: "transaction", id, sends: open.sends, offsets: open.offsets });
  }

  /** Sends values to partitions of a topic, one batch each. */
  async produce(topic: string, values: ReadonlyMap<number, readonly string[]>): Promise<void> {
    const { transactionalId, version } = this.#options;
    const open = this.#open!;
    for (const [partition, each] of values) {
      open.sends.push(...each.map((value) => ({ topic, partition, value })));
    }
    const batches = new Map(
      Array.from(values, ([partition, each]) => [partition, this.#batch(topic, partition, each)]),
    );
    if (version === 1) await this.#add(topic, Array.from(values.keys()));
    await this.#ask(async (connection) => {
      const { responses } = await connection.request(produce, version === 1 ? 9 : 12, {
        transactionalId,
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            name: topic,
            partitionData: Array.from(batches, ([index, records]) => ({ index, records })),
          },
        ],
      });
      return responses[0]!.partitionResponses.map(({ index, errorCode }) => {
        if (errorCode === 0) batches.delete(index);
        return errorCode;
      });
    });
  }

  /** Commits offsets of the group's topic in the transaction. */
  async commitOffsets(
    identity: GroupIdentity,
    name: string,
    offsets: ReadonlyMap<number, number>,
  ): Promise<void> {
    const { transactionalId, version } = this.#options;
    const { groupId, ...member } = identity;
    const open = this.#open!;
    for (const [partition, offset] of offsets) {
      open.offsets.push({ group: groupId, partition, offset });
    }
    const producer = () => ({
      transactionalId,
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
    });
    if (version === 1) {
      await this.#ask(async (connection) => {
        const answer = await connection.request(addOffsetsToTxn, 3, { ...producer(), groupId });
        return [answer.errorCode];
      });
    }
    await this.#ask(async (connection) => {
      const { topics } = await connection.request(txnOffsetCommit, version === 1 ? 3 : 5, {
        ...producer(),
        groupId,
        ...member,
        topics: [
          {
            name,
            partitions: Array.from(offsets, ([partitionIndex, committedOffset]) => ({
              partitionIndex,
              committedOffset,
              committedMetadata: null,
            })),
          },
        ],
      });
      return topics[0]!.partitions.map(({ errorCode }) => errorCode);
    });
  }

  /** Commits or aborts. A commit that is refused for good leaves the outcome open. */
  async end(committed: boolean): Promise<void> {
    const { transactionalId, version, note } = this.#options;
    const open = this.#open!;
    const isEmpty = open.sends.length === 0 && open.offsets.length === 0;
    if (isEmpty) {
      this.#open = null;
      return;
    }
    if (committed) note({ kind: "ending", id: open.id });
    await this.#ask(async (connection) => {
      const answer = await connection.request(endTxn, version === 1 ? 3 : 5, {
        transactionalId,
        producerId: this.#producerId,
        producerEpoch: this.#producerEpoch,
        committed,
      });
      if (answer.errorCode === 0) {
        note({ kind: "ended", id: open.id, outcome: committed ? "committed" : "aborted" });
        this.#adopt(answer);
      }
      return [answer.errorCode];
    });
    this.#open = null;
  }

  async #add(name: string, partitions: readonly number[]): Promise<void> {
    const { transactionalId } = this.#options;
    const { added } = this.#open!;
    const missing = partitions.filter((partition) => !added.has(`${name} ${partition}`));
    if (missing.length === 0) return;
    await this.#ask(async (connection) => {
      const answer = await connection.request(addPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: this.#producerId,
        v3AndBelowProducerEpoch: this.#producerEpoch,
        v3AndBelowTopics: [{ name, partitions: missing }],
      });
      return answer.resultsByTopicV3AndBelow[0]!.resultsByPartition.map(
        ({ partitionErrorCode }) => partitionErrorCode,
      );
    });
    for (const partition of missing) added.add(`${name} ${partition}`);
  }

  #batch(topic: string, partition: number, values: readonly string[]): Buffer {
    const key = `${topic} ${partition}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, baseSequence + values.length);
    return batchOf(
      values.map((value) => ({ value })),
      {
        baseTimestamp: Date.now(),
        producerId: this.#producerId,
        producerEpoch: this.#producerEpoch,
        baseSequence,
        attributes: TRANSACTIONAL,
      },
    );
  }

  #adopt({
    producerId,
    producerEpoch,
  }: {
    readonly producerId: number;
    readonly producerEpoch: number;
  }): void {
    if (producerId < 0) return; // An answer of a version that does not say.
    if (producerId !== this.#producerId || producerEpoch !== this.#producerEpoch) {
      this.#sequences.clear();
    }
    this.#producerId = producerId;
    this.#producerEpoch = producerEpoch;
  }

  /** Asks until every error code is 0. @throws {Restart} @throws {MustAbort} */
  async #ask(request: (connection: WireConnection) => Promise<readonly number[]>): Promise<void> {
    const { link, surroundings } = this.#options;
    for (;;) {
      let errorCodes: readonly number[];
      try {
        errorCodes = await request(await link.connection());
      } catch (error) {
        if (!(error instanceof ConnectionClosed)) throw error;
        link.disconnect();
        if (this.#open !== null && surroundings.random.integer(3) === 0) throw new Restart();
        continue;
      }
      const refused = errorCodes.filter((code) => code !== 0);
      if (refused.length === 0) return;
      for (const code of refused) this.#consider(code);
      await link.breathe(10);
    }
  }

  /** Returns when the request may be repeated. */
  #consider(errorCode: number): void {
    const error = errorName(errorCode);
    if (AGAIN.has(error)) return;
    if (OF_THE_GROUP.has(error)) throw new MustAbort(errorCode);
    const age = this.#open === null ? 0 : performance.now() - this.#open.since;
    if (!FENCED.has(error) || age < this.#options.timeoutMs) {
      const { transactionalId, version } = this.#options;
      this.#options.link.unexpected(
        `${error} for ${transactionalId} (version ${version}), ${Math.round(age)} ms into its transaction`,
      );
    }
    throw new Restart();
  }
}

const AGAIN = new Set([
  "CONCURRENT_TRANSACTIONS",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_OR_FOLLOWER",
  "KAFKA_STORAGE_ERROR",
  "REQUEST_TIMED_OUT",
  // What a coordinator that is not ready is called in an answer to Produce.
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
]);
const OF_THE_GROUP = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"]);
/** What a producer gets whose transaction the coordinator has aborted. */
const FENCED = new Set([
  "INVALID_PRODUCER_EPOCH",
  "PRODUCER_FENCED",
  "INVALID_TXN_STATE",
  "TRANSACTION_ABORTABLE",
]);
