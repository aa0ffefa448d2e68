/** The transactional half of a fault run: a chain of topics, who fills and copies and reads them, and what is there at the end. */
import { type Random, SeededRandom } from "@ottla/platform";
import { fetch, listOffsets, offsetFetch } from "@ottla/protocol";
import { createTopic } from "../../clients/seeding.ts";
import { waitFor } from "../../wait.ts";
import { type ReadBatch, readBatches } from "../../wire/batch.ts";
import { WireConnection } from "../../wire/connection.ts";
import type { FaultProcess } from "../process.ts";
import { Recorder } from "../recorder.ts";
import {
  CommittedReader,
  Copier,
  type CopyStage,
  TransactionalProducer,
  type TransactionalSurroundings,
} from "./applications.ts";
import { committedByMarkers, fetchCommitted } from "./committed-fetch.ts";
import type {
  FinalPartition,
  PlacedValue,
  TransactionalHistory,
  TransactionalOperation,
} from "./history.ts";

const CHAIN = ["chain-a", "chain-b", "chain-c"] as const;
const STAGES: readonly CopyStage[] = [
  { from: "chain-a", to: "chain-b", group: "copy-ab" },
  { from: "chain-b", to: "chain-c", group: "copy-bc" },
];
const PARTITIONS = 4;
const PARTITION_INDEXES = Array.from({ length: PARTITIONS }, (_, index) => index);
const TRANSACTION_TIMEOUT_MS = 2_000;

export class TransactionalCast {
  readonly processes: readonly FaultProcess[];
  readonly #producers: readonly TransactionalProducer[];
  readonly #copiers: readonly Copier[];
  readonly #operations: TransactionalOperation[] = [];
  readonly #port: number;

  constructor(port: number, random: Random) {
    this.#port = port;
    const surroundings = (topic: string): TransactionalSurroundings => ({
      port,
      topic,
      partitionCount: PARTITIONS,
      recorder: new Recorder(),
      random: new SeededRandom(random.integer(2 ** 32)),
      note: (operation) => this.#operations.push(operation),
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    });
    this.#producers = ([1, 2] as const).map(
      (version) => new TransactionalProducer(`sender-${version}`, version, surroundings(CHAIN[0])),
    );
    this.#copiers = STAGES.flatMap((stage) =>
      ([1, 2] as const).map(
        (version) =>
          new Copier(`${stage.group}-${version}`, version, stage, surroundings(stage.from)),
      ),
    );
    const readers = CHAIN.map(
      (topic) => new CommittedReader(`reader of ${topic}`, surroundings(topic)),
    );
    this.processes = [...this.#producers, ...this.#copiers, ...readers];
  }

  async createTopics(): Promise<void> {
    for (const topic of CHAIN) await createTopic(this.#port, topic, PARTITIONS);
  }

  stopProducers(): void {
    for (const each of this.#producers) each.stop();
  }

  /** Whether everything is copied to the end of the chain and nothing is open; producers have to be stopped before. */
  async isSettled(connection: WireConnection): Promise<true | null> {
    for (const topic of CHAIN) {
      const stable = await ends(connection, topic, 1);
      const all = await ends(connection, topic, 0);
      if (stable.some((offset, partition) => offset !== all[partition])) return null;
      const copiers = this.#copiers.filter(({ group }) =>
        STAGES.some((stage) => stage.group === group && stage.from === topic),
      );
      if (copiers.length === 0) continue;
      if (!copiers.every(({ isIdle }) => isIdle)) return null;
      for (const [partition, end] of all.entries()) {
        if (!copiers.some(({ positions }) => (positions.get(partition) ?? 0) === end)) return null;
      }
    }
    return true;
  }

  /** Reads what is there when everything is over. */
  async history(): Promise<TransactionalHistory> {
    using connection = await WireConnection.open(this.#port);
    for (const { group, from } of STAGES) await this.#noteGroupOffsets(connection, group, from);
    const partitions: FinalPartition[] = [];
    for (const topic of CHAIN) {
      const end = await waitFor(() => ends(connection, topic, 0), { what: `ends of ${topic}` });
      const stable = await ends(connection, topic, 1);
      for (const partition of PARTITION_INDEXES) {
        const batches = await readAll(connection, topic, partition, end[partition]!);
        partitions.push({
          topic,
          partition,
          committed: committedByMarkers(batches),
          served: await this.#served(connection, topic, partition, stable[partition]!),
          lastStable: stable[partition]!,
          end: end[partition]!,
        });
      }
    }
    return { operations: this.#operations, partitions, chain: CHAIN };
  }

  async #noteGroupOffsets(connection: WireConnection, group: string, name: string): Promise<void> {
    const topics = [{ name, partitionIndexes: PARTITION_INDEXES }];
    const partitions = await waitFor(
      async () => {
        const body = { groupId: group, topics, requireStable: true };
        const answer = await connection.request(offsetFetch, 7, body);
        const fetched = answer.topics[0]?.partitions ?? [];
        const isWhole = answer.errorCode === 0 && fetched.every(({ errorCode }) => errorCode === 0);
        return isWhole ? fetched : null;
      },
      { what: `offsets of ${group}` },
    );
    for (const { partitionIndex: partition, committedOffset } of partitions) {
      const offset = committedOffset < 0 ? null : committedOffset;
      this.#operations.push({ kind: "group offset", group, partition, offset });
    }
  }

  async #served(
    connection: WireConnection,
    topic: string,
    partition: number,
    end: number,
  ): Promise<PlacedValue[]> {
    const served: PlacedValue[] = [];
    let at = 0;
    while (at < end) {
      const options = {
        topic,
        positions: new Map([[partition, at]]),
        maxWaitMs: 1_000,
        partitionMaxBytes: 1_048_576,
      };
      const [poll] = await fetchCommitted(connection, options, (what) =>
        this.#operations.push({ kind: "unexpected", process: "last reader", what }),
      );
      if (poll === undefined) break; // The checker misses what is not served.
      served.push(...poll.records);
      at = poll.to;
    }
    return served;
  }
}

/** The ends of a topic's partitions as a reader of this isolation sees them. */
async function ends(
  connection: WireConnection,
  name: string,
  isolationLevel: 0 | 1,
): Promise<number[]> {
  const partitions = PARTITION_INDEXES.map((partitionIndex) => ({ partitionIndex, timestamp: -1 }));
  const body = { replicaId: -1, isolationLevel, topics: [{ name, partitions }] };
  const { topics } = await connection.request(listOffsets, 5, body);
  const found = topics[0]!.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
  const refused = found.find(({ errorCode }) => errorCode !== 0);
  if (refused !== undefined) throw new Error(`ListOffsets: error ${refused.errorCode}`);
  return found.map(({ offset }) => offset);
}

async function readAll(
  connection: WireConnection,
  topic: string,
  partition: number,
  end: number,
): Promise<ReadBatch[]> {
  const batches: ReadBatch[] = [];
  let at = 0;
  while (at < end) {
    const partitions = [{ partition, fetchOffset: at, partitionMaxBytes: 4_194_304 }];
    const answer = await connection.request(fetch, 11, {
      maxWaitMs: 1_000,
      minBytes: 1,
      topics: [{ topic, partitions }],
    });
    const records = answer.responses[0]?.partitions[0]?.records;
    const read = records == null ? [] : readBatches(records);
    if (read.length === 0) break;
    batches.push(...read);
    at = read.at(-1)!.lastOffset + 1;
  }
  return batches;
}
