import type { ClientJob } from "../job.ts";

/** Of a library whose `send` is one batch for each partition: so many at a time, as many as other clients have requests under way. */
const sendsUnderWay = 5;
/** About what a record without key and headers takes beside its value. */
const recordOverheadBytes = 9;

/** For libraries without a linger of their own: the caller gathers a batch for every partition and hands them over together. */
export async function sendInTurn(
  { topic, partitions, records, valueBytes }: ClientJob,
  values: readonly Buffer[],
  batchBytes: number,
  send: (messages: { topic: string; value: Buffer }[]) => Promise<unknown>,
): Promise<void> {
  const perSend = partitions * Math.floor(batchBytes / (valueBytes + recordOverheadBytes));
  let sent = 0;
  let next = 0;
  const sender = async () => {
    while (sent < records) {
      const count = Math.min(perSend, records - sent);
      sent += count;
      const messages = new Array<{ topic: string; value: Buffer }>(count);
      for (let i = 0; i < count; i++) {
        messages[i] = { topic, value: values[next]! };
        if (++next === values.length) next = 0;
      }
      await send(messages);
    }
  };
  await Promise.all(Array.from({ length: sendsUnderWay }, sender));
}
