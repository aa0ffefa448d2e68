/** `send` of whole batches, several under way: its producer stream has one request under way and is slower. Consumer as a stream with a data listener. */
import { Consumer, MessagesStreamModes, Producer } from "@platformatic/kafka";
import { batchBytes } from "../job.ts";
import type { Contestant } from "./contestant.ts";
import { sendInTurn } from "./send-in-turn.ts";

export const platformatic: Contestant = {
  async produce(job, values) {
    const producer = new Producer({ clientId: "bench", bootstrapBrokers: [job.bootstrap] });
    await sendInTurn(job, values, batchBytes, (messages) =>
      producer.send({ messages, acks: -1, compression: job.compression }),
    );
    await producer.close();
  },

  async consume({ bootstrap, topic }, tally) {
    const consumer = new Consumer({
      clientId: "bench",
      groupId: `bench-${process.pid}`,
      bootstrapBrokers: [bootstrap],
    });
    consumer.on("consumer:group:join", () => tally.start());
    const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST });
    await new Promise<void>((resolve, reject) => {
      stream.on("error", reject);
      stream.on("data", ({ value }) => {
        tally.add(1, value.length);
        if (tally.isComplete) resolve();
      });
    });
    await consumer.close(true);
  },
};
