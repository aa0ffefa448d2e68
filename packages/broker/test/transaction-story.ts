/** What the tests share that crash amid transactions on the simulated disk. Imported by tests only. */
import assert from "node:assert/strict";
import type { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import { type ErrorName, listOffsets } from "@ottla/protocol";
import { TestBroker } from "../src/test-broker.ts";
import { type Asked, TOPIC } from "../src/test-producer.ts";

const MOST_ATTEMPTS = 100;

/** Segments of few records, so that there is something to compact. */
const PROPERTIES = {
  "offsets.topic.segment.bytes": "400",
  "transaction.state.log.segment.bytes": "400",
  "log.cleaner.min.cleanable.ratio": "0.01",
};

export function startBroker(
  fileSystem: SimulatedFileSystem,
  random: SeededRandom,
  clock: SimulatedClock,
): Promise<TestBroker> {
  const log = { journalFirstFileBytes: 32_768, journalFileBytes: 65_536 };
  return TestBroker.start(PROPERTIES, { fileSystem, random, clock, log });
}

/** @throws the first error */
export function must(...errors: readonly ErrorName[]): void {
  for (const error of errors) if (error !== "NONE") throw new Error(error);
}

/** Asks again for as long as the answer is that the transaction before is being ended. */
export async function insist(
  clock: SimulatedClock,
  ask: () => Promise<ErrorName>,
): Promise<ErrorName> {
  for (let attempt = 1; ; attempt++) {
    const error = await ask();
    if (error !== "CONCURRENT_TRANSACTIONS" || attempt === MOST_ATTEMPTS) return error;
    await clock.advanceAsync(100);
  }
}

/** No transaction holds a committed reader of {@link TOPIC} back. */
export async function checkNothingIsOpen(
  broker: Asked,
  partitions: readonly number[],
): Promise<void> {
  for (const partition of partitions) {
    const [uncommitted, committed] = await Promise.all(
      [0, 1].map((isolationLevel) => endOffset(broker, partition, isolationLevel)),
    );
    assert.equal(committed, uncommitted, `last stable offset of partition ${partition}`);
  }
}

async function endOffset(
  broker: Asked,
  partitionIndex: number,
  isolationLevel: number,
): Promise<number> {
  const { topics } = await broker.ask(listOffsets, 7, {
    replicaId: -1,
    isolationLevel,
    topics: [{ name: TOPIC, partitions: [{ partitionIndex, timestamp: -1 }] }],
  });
  return topics[0]!.partitions[0]!.offset;
}
