/** A transactional producer of a scenario: its requests at any version, recorded or not. */
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  describeTransactions,
  endTxn,
  findCoordinator,
  initProducerId,
  produce,
  type RequestInput,
  type ResponseOf,
  txnOffsetCommit,
} from "@ottla/protocol";
import { waitFor } from "../../wait.ts";
import { type BatchOptions, TRANSACTIONAL } from "../../wire/batch.ts";
import type { Line, Session } from "../session.ts";
import { type NamedTopic, produceRequest } from "./requests.ts";

/** What a request says instead of what is right. */
export interface Identity {
  readonly transactionalId?: string;
  readonly producerId?: number;
  readonly producerEpoch?: number;
}

export interface PlacedOffset {
  readonly name: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata?: string | null;
}

export interface Membership {
  readonly generationId?: number;
  readonly memberId?: string;
  readonly groupInstanceId?: string | null;
}

export class Transactional {
  readonly session: Session;
  readonly transactionalId: string;
  producerId = -1;
  producerEpoch = -1;
  readonly #line: Line | undefined;
  readonly #sequences = new Map<string, number>();

  private constructor(session: Session, transactionalId: string, line?: Line) {
    this.session = session;
    this.transactionalId = transactionalId;
    this.#line = line;
  }

  /** A producer that has taken its transactional id, unrecorded. */
  static async begin(
    session: Session,
    name: string,
    { transactionTimeoutMs = 60_000, line }: { transactionTimeoutMs?: number; line?: Line } = {},
  ): Promise<Transactional> {
    const producer = new Transactional(session, session.named(name), line);
    await coordinatorOf(session, producer.transactionalId);
    await producer.init(transactionTimeoutMs);
    return producer;
  }

  /** Takes the transactional id (again), unrecorded, as often as it takes. */
  async init(transactionTimeoutMs = 60_000): Promise<void> {
    const answer = await waitFor(
      async () => {
        const body = { transactionalId: this.transactionalId, transactionTimeoutMs };
        const each = await this.session.quietly(initProducerId, 4, body, this.#line);
        return each.errorCode === 0 ? each : null;
      },
      { what: `producer id of ${this.transactionalId}`, everyMs: 5 },
    );
    this.adopt(answer);
  }

  adopt({
    producerId,
    producerEpoch,
  }: ResponseOf<typeof endTxn> | ResponseOf<typeof initProducerId>): void {
    if (producerId < 0) return;
    if (producerId !== this.producerId || producerEpoch !== this.producerEpoch)
      this.#sequences.clear();
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.session.normaliser.name("producer", String(producerId), this.transactionalId);
  }

  identity(wrong: Identity = {}) {
    const { transactionalId, producerId, producerEpoch } = this;
    return { transactionalId, producerId, producerEpoch, ...wrong };
  }

  addBody(
    version: number,
    topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
    wrong: Identity = {},
    verifyOnly = false,
  ): RequestInput<typeof addPartitionsToTxn> {
    const { transactionalId, producerId, producerEpoch } = this.identity(wrong);
    if (version >= 4) {
      const one = { transactionalId, producerId, producerEpoch, verifyOnly, topics };
      return { transactions: [one] };
    }
    return {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: topics,
    };
  }

  async add(
    label: string,
    version: number,
    name: string,
    partitions: readonly number[],
    wrong: Identity = {},
  ): Promise<void> {
    const body = this.addBody(version, [{ name, partitions }], wrong);
    await this.session.send(label, addPartitionsToTxn, version, body, this.#on());
  }

  /** A transactional batch with the next sequence of its partition, unless it says otherwise. */
  produceBody(
    version: number,
    topic: NamedTopic,
    index: number,
    options: BatchOptions & { readonly values?: readonly string[] } = {},
  ): RequestInput<typeof produce> {
    const { values = ["value"], ...rest } = options;
    const key = `${topic.name} ${index}`;
    const baseSequence = rest.baseSequence ?? this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, baseSequence + values.length);
    const records = this.session.batch(
      values.map((value) => ({ value })),
      {
        producerId: this.producerId,
        producerEpoch: this.producerEpoch,
        attributes: TRANSACTIONAL,
        ...rest,
        baseSequence,
      },
    );
    const { transactionalId } = this;
    return produceRequest(version, [{ ...topic, partitions: [{ index, records }] }], {
      transactionalId,
    });
  }

  async produce(
    label: string,
    version: number,
    topic: NamedTopic,
    index: number,
    options: BatchOptions & { readonly values?: readonly string[] } = {},
  ): Promise<void> {
    const body = this.produceBody(version, topic, index, options);
    await this.session.send(label, produce, version, body, this.#on());
  }

  /** Ends the transaction and takes over the epoch that the answer gives. */
  async end(
    label: string,
    version: number,
    committed: boolean,
    wrong: Identity = {},
  ): Promise<void> {
    const body = { ...this.identity(wrong), committed };
    const answer = await this.session.send(label, endTxn, version, body, this.#on());
    if (answer !== null && answer.errorCode === 0) this.adopt(answer);
  }

  async addOffsets(
    label: string,
    version: number,
    groupId: string,
    wrong: Identity = {},
  ): Promise<void> {
    const body = { ...this.identity(wrong), groupId };
    await this.session.send(label, addOffsetsToTxn, version, body, this.#on());
  }

  async commitOffsets(
    label: string,
    version: number,
    groupId: string,
    offsets: readonly PlacedOffset[],
    { wrong = {}, member = {} }: { wrong?: Identity; member?: Membership } = {},
  ): Promise<void> {
    const topics = Array.from(
      Map.groupBy(offsets, ({ name }) => name),
      ([name, placed]) => ({
        name,
        partitions: placed.map(({ partition, offset, metadata = null }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: metadata,
        })),
      }),
    );
    const body = { ...this.identity(wrong), groupId, ...(version >= 3 ? member : {}), topics };
    await this.session.send(label, txnOffsetCommit, version, body, this.#on());
  }

  /** A whole transaction with one record, unrecorded: what came before is over when it returns. */
  async quietTransaction(
    topic: NamedTopic,
    index: number,
    { committed = true, values = ["quiet"] }: { committed?: boolean; values?: string[] } = {},
  ): Promise<void> {
    const { session } = this;
    const body = this.addBody(3, [{ name: topic.name, partitions: [index] }]);
    await session.quietly(addPartitionsToTxn, 3, body, this.#line);
    await session.quietly(produce, 9, this.produceBody(9, topic, index, { values }), this.#line);
    await session.quietly(endTxn, 3, { ...this.identity(), committed }, this.#line);
    await this.settled();
  }

  /** Waits until every marker of the transaction that was ended is written. */
  async settled(): Promise<void> {
    await waitFor(
      async () => {
        const transactionalIds = [this.transactionalId];
        const answer = await this.session.quietly(describeTransactions, 0, { transactionalIds });
        const state = answer.transactionStates[0]?.transactionState ?? "";
        return state === "Empty" || state.startsWith("Complete") ? true : null;
      },
      { what: `end of the transaction of ${this.transactionalId}`, everyMs: 5 },
    );
  }

  #on(): { readonly on?: Line } {
    return this.#line === undefined ? {} : { on: this.#line };
  }
}

/** Waits until the coordinator of a transactional id answers for it. */
export async function coordinatorOf(session: Session, transactionalId: string): Promise<void> {
  await waitFor(
    async () => {
      await session.quietly(findCoordinator, 4, { keyType: 1, coordinatorKeys: [transactionalId] });
      const answer = await session.quietly(describeTransactions, 0, {
        transactionalIds: [transactionalId],
      });
      const code = answer.transactionStates[0]?.errorCode ?? -1;
      return code === 0 || code === TRANSACTIONAL_ID_NOT_FOUND ? true : null;
    },
    { what: `coordinator of ${transactionalId}`, everyMs: 10 },
  );
}

const TRANSACTIONAL_ID_NOT_FOUND = 105;
