import { decodeResponse, errorName, initProducerId, produce } from "@ottla/protocol";
import { batchOf } from "../wire/batch.ts";
import { ConnectionClosed, type WireConnection } from "../wire/connection.ts";
import { FaultProcess, type Surroundings } from "./process.ts";
import type { Settle } from "./recorder.ts";

export interface ProducerOptions {
  /** Numbers its batches and repeats what is unanswered; otherwise it sends one batch at a time and never repeats. */
  readonly isIdempotent: boolean;
  readonly acks: 1 | -1;
}

interface Batch {
  readonly partition: number;
  readonly request: (connection: WireConnection) => Buffer;
  readonly settle: readonly Settle[];
}

const VERSION = 9;
const IN_FLIGHT = 5;
const ANSWER_WITHIN_MS = 60_000;
/** Errors of a broker that is not ready yet: it has not appended anything. */
const RETRIABLE = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_OR_FOLLOWER",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "KAFKA_STORAGE_ERROR",
]);
/** After these nobody knows whether the batch is there. */
const UNCERTAIN = new Set(["REQUEST_TIMED_OUT", "NOT_ENOUGH_REPLICAS_AFTER_APPEND"]);

/** Sends values that nobody else sends, several requests in flight when it is idempotent. */
export class FaultProducer extends FaultProcess {
  readonly #options: ProducerOptions;
  readonly #sequences: number[];
  readonly #unanswered: Batch[] = [];
  #producerId = -1;
  #count = 0;

  constructor(name: string, options: ProducerOptions, surroundings: Surroundings) {
    super(name, surroundings);
    this.#options = options;
    this.#sequences = Array.from({ length: surroundings.partitionCount }, () => 0);
  }

  async run(): Promise<void> {
    while (!this.isStopping || this.#unanswered.length > 0) {
      try {
        const connection = await this.connection();
        if (this.#options.isIdempotent && this.#producerId < 0) await this.#begin(connection);
        for (const batch of this.#unanswered) connection.write(batch.request(connection));
        await this.#pump(connection);
      } catch (error) {
        if (!(error instanceof ConnectionClosed)) throw error;
        this.disconnect();
        if (!this.#options.isIdempotent) this.#unanswered.length = 0; // Their outcome stays unknown.
      }
    }
    this.disconnect();
  }

  async #begin(connection: WireConnection): Promise<void> {
    const answer = await connection.request(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    });
    if (answer.errorCode !== 0) return await this.#restart();
    this.#producerId = answer.producerId;
    this.surroundings.recorder.note({
      kind: "producer-id",
      producer: this.name,
      id: answer.producerId,
    });
  }

  async #pump(connection: WireConnection): Promise<void> {
    const room = this.#options.isIdempotent ? IN_FLIGHT : 1;
    while (!this.isStopping || this.#unanswered.length > 0) {
      if (!this.isStopping && this.#unanswered.length < room) {
        const batch = this.#next();
        this.#unanswered.push(batch);
        connection.write(batch.request(connection));
        if (this.surroundings.random.integer(3) > 0) continue;
      }
      const outcome = await connection.nextFrame(ANSWER_WITHIN_MS);
      if (outcome.kind === "silent")
        this.unexpected(`no answer to Produce in ${ANSWER_WITHIN_MS} ms`);
      if (outcome.kind !== "answered") throw new ConnectionClosed("Produce");
      await this.#answered(outcome.frame);
      await this.breathe(3);
    }
  }

  async #answered(frame: Buffer): Promise<void> {
    const { body } = decodeResponse(produce, VERSION, frame);
    const result = body.responses[0]!.partitionResponses[0]!;
    const batch = this.#unanswered[0]!;
    const error = errorName(result.errorCode);
    if (error === "NONE") {
      batch.settle.forEach((settle, index) => {
        settle("acknowledged", result.baseOffset + index);
      });
    } else if (this.#options.isIdempotent && (RETRIABLE.has(error) || UNCERTAIN.has(error))) {
      await this.#restart();
    } else if (!UNCERTAIN.has(error)) {
      for (const settle of batch.settle) settle("refused", null);
      if (!RETRIABLE.has(error))
        this.unexpected(`${error} for a batch to partition ${batch.partition}`);
    }
    this.#unanswered.shift();
  }

  /** Begins anew on another connection, everything unanswered in its order. */
  async #restart(): Promise<never> {
    await this.breathe(50);
    throw new ConnectionClosed("starting anew");
  }

  #next(): Batch {
    const { random, partitionCount, recorder, topic } = this.surroundings;
    const partition = random.integer(partitionCount);
    const count = 1 + random.integer(5);
    // Now and then a batch that does not fit in one write of anything.
    const padding = "·".repeat(random.integer(50) === 0 ? 40_000 : random.integer(200));
    const values = Array.from({ length: count }, () => `${this.name}/${this.#count++}`);
    const sequence = this.#sequences[partition]!;
    this.#sequences[partition] = sequence + count;
    const bytes = batchOf(
      values.map((value) => ({ key: this.name, value, headers: [["padding", padding] as const] })),
      {
        baseTimestamp: Date.now(),
        ...(this.#options.isIdempotent
          ? { producerId: this.#producerId, producerEpoch: 0, baseSequence: sequence }
          : {}),
      },
    );
    const body = {
      transactionalId: null,
      acks: this.#options.acks,
      timeoutMs: 30_000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records: bytes }] }],
    };
    const { isIdempotent } = this.#options;
    return {
      partition,
      request: (connection) => connection.encode(produce, VERSION, body),
      settle: values.map((value) =>
        recorder.send({ producer: this.name, isIdempotent, partition, value }),
      ),
    };
  }
}
