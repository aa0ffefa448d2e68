/** `send` of whole batches, several under way; `eachBatch`, which decodes what is looked at. It brings no LZ4: one is plugged in, as its documentation says. */
import { lz4Compress, lz4Decompress } from "@platformatic/wasm-utils";
import kafkajs from "kafkajs";
import { batchBytes, type ClientJob } from "../job.ts";
import type { Contestant } from "./contestant.ts";
import { sendInTurn } from "./send-in-turn.ts";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;

CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => lz4Compress(buffer),
  decompress: async (buffer: Buffer) => lz4Decompress(buffer),
});

function connect({ bootstrap }: ClientJob) {
  return new Kafka({ clientId: "bench", brokers: [bootstrap], logLevel: logLevel.ERROR });
}

export const kafkaJs: Contestant = {
  async produce(job, values) {
    const producer = connect(job).producer();
    await producer.connect();
    const compression = job.compression === "lz4" ? CompressionTypes.LZ4 : CompressionTypes.None;
    await sendInTurn(job, values, batchBytes, (messages) =>
      producer.send({ topic: job.topic, acks: -1, compression, messages }),
    );
    await producer.disconnect();
  },

  async consume(job, tally) {
    const consumer = connect(job).consumer({ groupId: `bench-${process.pid}` });
    await consumer.connect();
    await consumer.subscribe({ topic: job.topic, fromBeginning: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer.on(consumer.events.GROUP_JOIN, () => tally.start());
    await consumer.run({
      partitionsConsumedConcurrently: job.partitions,
      eachBatch: async ({ batch }) => {
        let bytes = 0;
        for (const { value } of batch.messages) bytes += value!.length;
        tally.add(batch.messages.length, bytes);
        if (tally.isComplete) resolve();
      },
    });
    await promise;
    await consumer.disconnect();
  },
};
