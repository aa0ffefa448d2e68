import { initProducerId, produce } from "@ottla/protocol";
import { waitFor } from "../../wait.ts";
import type { Scenario } from "../session.ts";
import { type NamedTopic, produceRequest } from "./requests.ts";

const INT32_MAX = 0x7fff_ffff;

export const idempotence: Scenario = {
  name: "idempotence",
  async run(session) {
    // Apache Kafka has no block of ids at hand when the first is asked for.
    await waitFor(
      async () => {
        const body = { transactionalId: null, transactionTimeoutMs: 60_000 };
        const { errorCode } = await session.quietly(initProducerId, 4, body);
        return errorCode === 0 ? true : null;
      },
      { what: "producer id" },
    );
    await session.every("init without a transactional id", initProducerId, () => ({
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    }));
    for (const timeout of [0, -1, 2_000_000_000]) {
      await session.send(`init with timeout ${timeout}`, initProducerId, 5, {
        transactionalId: null,
        transactionTimeoutMs: timeout,
      });
    }
    const first = await session.send("a producer id", initProducerId, 5, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    });
    const second = await session.send("another producer id", initProducerId, 5, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    });
    session.note("ids differ", first?.producerId !== second?.producerId);
    await session.send("init resuming an id", initProducerId, 5, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
      producerId: first?.producerId ?? -1,
      producerEpoch: first?.producerEpoch ?? -1,
    });
    await session.send("init resuming half an id", initProducerId, 5, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
      producerId: first?.producerId ?? -1,
      producerEpoch: -1,
    });

    const name = session.named("log");
    const topic: NamedTopic = { name, id: await session.topic(name, 8) };
    const append = async (
      label: string,
      sequence: number,
      { count = 1, epoch = 0, partition = 0, producer = first?.producerId ?? 0, version = 9 } = {},
    ): Promise<void> => {
      const values = Array.from({ length: count }, (_, index) => ({ value: String(index) }));
      const records = session.batch(values, {
        producerId: producer,
        producerEpoch: epoch,
        baseSequence: sequence,
      });
      const partitions = [{ index: partition, records }];
      await session.send(
        label,
        produce,
        version,
        produceRequest(version, [{ ...topic, partitions }]),
      );
    };

    // IP1: the last five batches are remembered; a gap and an older one are out of order.
    for (let sequence = 0; sequence < 7; sequence++) await append(`sequence ${sequence}`, sequence);
    for (const version of [3, 7, 9, 13]) {
      await append("duplicate of the last", 6, { version });
      await append("duplicate of the oldest remembered", 2, { version });
      await append("duplicate of a forgotten one", 1, { version });
      await append("a gap", 9, { version });
    }
    await append("same start, more records", 6, { count: 2 });
    await append("next after all that", 7, { count: 3 });
    await append("duplicate with fewer records", 7, { count: 2 });
    await append("duplicate of a batch of three", 7, { count: 3 });
    await append("next after a batch of three", 10);

    // IP3: without state any sequence may come first.
    await append("first is 5", 5, { partition: 1 });
    await append("then 6", 6, { partition: 1 });
    await append("then 5 again", 5, { partition: 1 });
    await append("then 4", 4, { partition: 1 });

    // IP2: sequences wrap.
    await append("first is the largest", INT32_MAX, { partition: 2 });
    await append("then 0", 0, { partition: 2 });
    await append("then 1", 1, { partition: 2 });
    await append("across the end, 3 records", INT32_MAX - 1, { partition: 3, count: 3 });
    await append("after it, 1", 1, { partition: 3 });
    await append("duplicate across the end", INT32_MAX - 1, { partition: 3, count: 3 });

    // IP4: a higher epoch starts at 0, a lower one is fenced.
    await append("epoch 0", 0, { partition: 4 });
    await append("epoch 2 from 5", 5, { partition: 4, epoch: 2 });
    await append("epoch 2 from 0", 0, { partition: 4, epoch: 2 });
    await append("epoch 1 then", 0, { partition: 4, epoch: 1 });
    await append("epoch 0 then", 1, { partition: 4, epoch: 0 });
    await append("epoch 2 goes on", 1, { partition: 4, epoch: 2 });
    await append("epoch 3, sequence 0 again", 0, { partition: 4, epoch: 3 });
    await append("epoch 2 duplicate after epoch 3", 1, { partition: 4, epoch: 2 });

    // An id that nobody handed out.
    await append("foreign id", 0, { partition: 5, producer: 987_654_321 });
    await append("foreign id goes on", 1, { partition: 5, producer: 987_654_321 });
    await append("negative sequence", -5, { partition: 6 });
    await append("negative epoch", 0, { partition: 6, epoch: -2 });
    await append("id -2", 0, { partition: 6, producer: -2 });
    // Two producers do not disturb each other.
    await append("first producer", 0, { partition: 7 });
    await append("second producer", 0, { partition: 7, producer: second?.producerId ?? 0 });
    await append("first producer goes on", 1, { partition: 7 });
    await append("second producer again", 0, { partition: 7, producer: second?.producerId ?? 0 });
  },
};
