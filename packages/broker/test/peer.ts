/** A client for tests: one connection, one request at a time or raw bytes, and nothing hidden. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  type Api,
  BatchBuilder,
  createTopics,
  decodeResponse,
  encodeRequest,
  produce,
  type RequestInput,
  type ResponseOf,
} from "@ottla/protocol";

export class Peer implements AsyncDisposable {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #waiting: (() => void)[] = [];
  #isEnded = false;
  #correlationId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  static async connect(port: number): Promise<Peer> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new Peer(socket);
  }

  /** Sends a request and resolves with its response. @throws when the connection closes instead. */
  async ask<A extends Api>(api: A, version: number, body: RequestInput<A>): Promise<ResponseOf<A>> {
    const correlationId = this.tell(api, version, body);
    const frame = await this.frame();
    if (frame === null) throw new Error(`${api.name} v${version}: the connection was closed`);
    const response = decodeResponse(api, version, frame);
    if (response.correlationId !== correlationId) {
      throw new Error(`asked ${correlationId}, answered ${response.correlationId}`);
    }
    return response.body;
  }

  /** Sends a request; returns its correlation id. */
  tell<A extends Api>(api: A, version: number, body: RequestInput<A>): number {
    const correlationId = ++this.#correlationId;
    const envelope = { correlationId, clientId: "peer" };
    this.send(...encodeRequest(api, version, envelope, body));
    return correlationId;
  }

  send(...parts: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  /** Stops and goes on reading what the broker sends. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The next response frame, or null when the connection was closed before it. */
  async frame(): Promise<Buffer | null> {
    for (;;) {
      if (this.#received.length >= 4) {
        const end = 4 + this.#received.readInt32BE(0);
        if (this.#received.length >= end) {
          const frame = this.#received.subarray(4, end);
          this.#received = this.#received.subarray(end);
          return frame;
        }
      }
      if (this.#isEnded) return null;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** One batch of records with these values. */
export function batch(
  values: readonly string[],
  options: ConstructorParameters<typeof BatchBuilder>[0] = {},
): Buffer {
  const builder = new BatchBuilder(options);
  for (const value of values) builder.append(Date.now(), null, value);
  return builder.build();
}

export function produceBody(topic: string, partition: number, records: Buffer | null, acks = -1) {
  return {
    acks,
    timeoutMs: 1000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  };
}

/** Appends and resolves with the partition's answer. */
export async function append(peer: Peer, topic: string, records: Buffer, partition = 0) {
  const answer = await peer.ask(produce, 9, produceBody(topic, partition, records));
  return answer.responses[0]!.partitionResponses[0]!;
}

export async function create(
  peer: Peer,
  name: string,
  {
    partitions = 1,
    configs = {},
    replicationFactor = -1,
  }: {
    partitions?: number;
    configs?: Record<string, string | null>;
    replicationFactor?: number;
  } = {},
  validateOnly = false,
) {
  const answer = await peer.ask(createTopics, 7, {
    topics: [
      {
        name,
        numPartitions: partitions,
        replicationFactor,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    validateOnly,
  });
  return answer.topics[0]!;
}
