/** What a benchmark does before and after it measures: topics, leaders, end offsets, one record. One request at a time on one connection. */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { FrameReader } from "../driver/frames.ts";
import { encodeBatch } from "./batch.ts";
import { ByteReader, type ByteWriter } from "./bytes.ts";
import { apiKeys, framed, produceTemplate, requestHeader } from "./requests.ts";

/** How long a topic may take to get its leaders; Kafka needs most of a minute for 10,000 partitions. */
const readyTimeoutMs = 300_000;

/** Kafka refuses to make 10,000 partitions at once. */
const partitionsPerRequest = 5_000;
const unknownTopicOrPartition = 3;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export class Admin implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #waiting: { resolve: (response: ByteReader) => void; reject: (error: Error) => void }[] =
    [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    const frames = new FrameReader((buffer, start, bytes) => {
      const frame = Buffer.from(buffer.subarray(start, start + bytes));
      this.#waiting.shift()?.resolve(new ByteReader(frame, 8));
    });
    socket.on("data", (chunk) => frames.push(chunk, chunk.length));
    const fail = (error: Error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    };
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("the broker closed the connection")));
  }

  static connect(port: number): Promise<Admin> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new Admin(socket));
      });
    });
  }

  /** Creates a topic with the broker's default settings and waits until every partition has a leader. */
  async createTopic(topic: string, partitions: number): Promise<void> {
    let made = Math.min(partitions, partitionsPerRequest);
    const body = requestHeader(apiKeys.createTopics, 4);
    body.array([topic], (name) => body.string(name).int32(made).int16(1).int32(0).int32(0));
    await this.#expectNoErrors(body.int32(60_000).boolean(false));
    while (made < partitions) {
      made = Math.min(partitions, made + partitionsPerRequest);
      const more = requestHeader(apiKeys.createPartitions, 1);
      more.array([topic], (name) => more.string(name).int32(made).int32(-1));
      await this.#expectNoErrors(more.int32(60_000).boolean(false));
    }
    await this.waitForLeaders(topic, partitions);
  }

  async deleteTopic(topic: string): Promise<void> {
    const body = requestHeader(apiKeys.deleteTopics, 3);
    body.array([topic], (name) => body.string(name)).int32(60_000);
    const response = await this.#request(body);
    response.int32();
    response.array(() => {
      const name = response.string();
      const error = response.int16();
      if (error !== 0) throw new Error(`DeleteTopics ${name}: error ${error}`);
    });
  }

  async waitForLeaders(topic: string, partitions: number): Promise<void> {
    const deadline = performance.now() + readyTimeoutMs;
    const wait = async () => {
      if (performance.now() > deadline) throw new Error(`${topic} did not get its leaders`);
      await pause(20);
    };
    while ((await this.leaders(topic)) < partitions) await wait();
    // Kafka names leaders before they take requests.
    for (;;) {
      const offsets = await this.#endOffsets(topic, partitions);
      if (offsets.every(({ error }) => error === 0)) return;
      await wait();
    }
  }

  /** Partitions of the topic that can be written to. Asking creates the topic where the broker does that. */
  async leaders(topic: string): Promise<number> {
    const body = requestHeader(apiKeys.metadata, 8);
    body.array([topic], (name) => body.string(name));
    body.boolean(true).boolean(false).boolean(false);
    const response = await this.#request(body);
    response.int32();
    response.array(() => {
      response.int32();
      response.string();
      response.int32();
      response.string();
    });
    response.string();
    response.int32();
    let ready = 0;
    response.array(() => {
      const topicError = response.int16();
      response.string();
      response.int8();
      response.array(() => {
        const error = response.int16();
        response.int32();
        const leader = response.int32();
        response.int32();
        for (let list = 0; list < 3; list++) response.array(() => response.int32());
        if (topicError === 0 && error === 0 && leader >= 0) ready++;
      });
      response.int32();
    });
    return ready;
  }

  /** The sum of the partitions' end offsets: records that the topic holds when nothing was deleted from it. */
  async countRecords(topic: string, partitions: number): Promise<number> {
    let sum = 0;
    for (const { partition, error, offset } of await this.#endOffsets(topic, partitions)) {
      if (error !== 0) throw new Error(`ListOffsets ${topic} ${partition}: error ${error}`);
      sum += offset;
    }
    return sum;
  }

  /** Writes one record with acks=all. @returns the error code. */
  async produceOne({ topic, partition }: TopicPartition): Promise<number> {
    const batch = encodeBatch({ records: 1, valueBytes: 100, timestampMs: Date.now() });
    const template = produceTemplate(topic, batch, -1);
    template.frame.writeInt32BE(partition, template.partitionAt);
    const response = await this.#send(template.frame);
    // Past the frame's size, one topic and one partition.
    response.position = template.responseErrorAt;
    return response.int16();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }

  async #endOffsets(
    topic: string,
    partitions: number,
  ): Promise<{ partition: number; error: number; offset: number }[]> {
    const body = requestHeader(apiKeys.listOffsets, 2).int32(-1).int8(0).int32(1).string(topic);
    body.array([...Array(partitions).keys()], (partition) => body.int32(partition).int64(-1));
    const response = await this.#request(body);
    response.int32();
    const topics = response.array(() => {
      response.string();
      return response.array(() => {
        const partition = response.int32();
        const error = response.int16();
        response.int64();
        return { partition, error, offset: response.int64() };
      });
    });
    return topics.flat();
  }

  /** Sends CreateTopics or CreatePartitions, whose answers look the same. */
  async #expectNoErrors(body: ByteWriter): Promise<void> {
    const response = await this.#request(body);
    response.int32();
    response.array(() => {
      const name = response.string();
      const error = response.int16();
      const message = response.string();
      if (error !== 0) throw new Error(`creating ${name}: error ${error}, ${message}`);
    });
  }

  #request(body: ByteWriter): Promise<ByteReader> {
    return this.#send(framed(body));
  }

  #send(frame: Buffer): Promise<ByteReader> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(frame);
    });
  }
}

/** Tries from before the broker listens until it has acknowledged one record. */
export async function firstAcknowledged(
  port: number,
  target: TopicPartition,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await using admin = await Admin.connect(port);
      while (!signal.aborted) {
        const error = await admin.produceOne(target);
        if (error === 0) return;
        // Asking for the topic creates it where it never was.
        if (error === unknownTopicOrPartition) await admin.leaders(target.topic);
        await pause(2);
      }
    } catch {
      // Not listening yet, or not ready to talk: try again.
    }
    await pause(2);
  }
  throw new Error("the broker did not acknowledge a record in time");
}
