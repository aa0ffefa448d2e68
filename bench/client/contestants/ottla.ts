/** Producer without a promise per record, consumer by batch. */
import { Client } from "@ottla/client";
import { batchBytes, lingerMs } from "../job.ts";
import type { Contestant } from "./contestant.ts";

export const ottla: Contestant = {
  async produce({ bootstrap, topic, records, compression }, values) {
    await using client = new Client({ bootstrapServers: bootstrap });
    await using producer = client.producer({ compression, batchBytes, lingerMs });
    for (let sent = 0, next = 0; sent < records; sent++) {
      if (!producer.enqueue({ topic, value: values[next]! })) await producer.ready();
      if (++next === values.length) next = 0;
    }
    await producer.flush();
  },

  async consume({ bootstrap, topic, partitions }, tally) {
    tally.start();
    await using client = new Client({ bootstrapServers: bootstrap });
    await using consumer = client.consumer({ isolationLevel: "read_committed" });
    consumer.assign(
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })),
    );
    while (!tally.isComplete) {
      for (using batch of await consumer.poll()) {
        let records = 0;
        let bytes = 0;
        batch.forEach((record) => {
          records++;
          bytes += record.value!.length;
        });
        tally.add(records, bytes);
      }
    }
  },
};
