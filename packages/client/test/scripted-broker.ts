/**
 * A broker that answers as a test tells it to, for what no real one can be brought to say at will: one node that leads and coordinates
 * everything, in the versions the script names. Requests without a script close the connection.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import {
  type Api,
  apiVersions,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  findCoordinator,
  metadata,
  type RequestOf,
  type ResponseInput,
} from "@ottla/protocol";

/** What is said to a request; null closes the connection without an answer. */
export type Script<A extends Api> = (
  request: RequestOf<A>,
  version: number,
) => ResponseInput<A> | null;

interface Role {
  readonly api: Api;
  readonly versions: readonly [min: number, max: number];
  readonly script: (request: never, version: number) => unknown;
}

/** One API of the broker, in versions `min` to `max`. */
export function plays<A extends Api>(
  api: A,
  [min, max]: readonly [number, number],
  script: Script<A>,
): Role {
  return { api, versions: [min, max], script };
}

export interface Topic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: number;
}

export class ScriptedBroker implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #roles = new Map<number, Role>();
  readonly #topics: readonly Topic[];

  private constructor(roles: readonly Role[], topics: readonly Topic[]) {
    this.#topics = topics;
    const own = [
      plays(apiVersions, [0, 4], () => this.#versions()),
      plays(metadata, [0, 13], () => this.#metadata()),
      plays(findCoordinator, [4, 6], ({ coordinatorKeys }) => this.#coordinators(coordinatorKeys)),
    ];
    for (const role of [...own, ...roles]) this.#roles.set(role.api.key, role);
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(roles: readonly Role[], topics: readonly Topic[] = []) {
    const broker = new ScriptedBroker(roles, topics);
    broker.#server.listen(0, "127.0.0.1");
    await once(broker.#server, "listening");
    return broker;
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    let buffered: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE(0)) {
        const end = 4 + buffered.readInt32BE(0);
        this.#answer(socket, buffered.subarray(4, end));
        buffered = buffered.subarray(end);
      }
    });
  }

  #answer(socket: Socket, frame: Buffer): void {
    const header = decodeRequestHeader(frame, (key) => this.#roles.get(key)?.api);
    const { api, script } = this.#roles.get(header.apiKey)!;
    const { apiVersion, correlationId, bodyOffset } = header;
    const request = decodeRequest(api, apiVersion, frame, bodyOffset);
    const answer = script(request as never, apiVersion);
    if (answer === null) {
      socket.destroy();
      return;
    }
    for (const part of encodeResponse(api, apiVersion, correlationId, answer as never)) {
      socket.write(part);
    }
  }

  #versions(): ResponseInput<typeof apiVersions> {
    const apiKeys = [...this.#roles.values()].map(({ api, versions: [min, max] }) => ({
      apiKey: api.key,
      minVersion: min,
      maxVersion: max,
    }));
    return { errorCode: 0, apiKeys };
  }

  #metadata(): ResponseInput<typeof metadata> {
    return {
      brokers: [{ nodeId: 1, host: "127.0.0.1", port: this.#port }],
      controllerId: 1,
      topics: this.#topics.map(({ name, topicId, partitions }) => ({
        errorCode: 0,
        name,
        topicId,
        isInternal: false,
        partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
          errorCode: 0,
          partitionIndex,
          leaderId: 1,
          leaderEpoch: 0,
          replicaNodes: [1],
          isrNodes: [1],
          offlineReplicas: [],
        })),
      })),
    };
  }

  #coordinators(keys: readonly string[]): ResponseInput<typeof findCoordinator> {
    const place = {
      nodeId: 1,
      host: "127.0.0.1",
      port: this.#port,
      errorCode: 0,
      errorMessage: null,
    };
    return { coordinators: keys.map((key) => ({ key, ...place })) };
  }
}
