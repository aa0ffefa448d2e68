/** One raw connection to a broker: frames out, frames in, nothing retried and nothing hidden. */
import { connect, type Socket } from "node:net";
import {
  type Api,
  decodeResponse,
  encodeRequest,
  type RequestInput,
  type ResponseOf,
} from "@ottla/protocol";

/** What became of a frame: an answer, the end of the connection, or nothing in the time given. */
export type FrameOutcome =
  | { readonly kind: "answered"; readonly frame: Buffer }
  | { readonly kind: "closed" }
  | { readonly kind: "silent" };

export class ConnectionClosed extends Error {
  override readonly name = "ConnectionClosed";
}

interface Waiter {
  readonly resolve: (outcome: FrameOutcome) => void;
}

export class WireConnection {
  readonly #socket: Socket;
  readonly #waiters: Waiter[] = [];
  readonly #frames: Buffer[] = [];
  readonly clientId: string | null;
  #chunks: Buffer[] = [];
  #received = 0;
  #correlationId = 0;
  #closed = false;

  private constructor(socket: Socket, clientId: string | null) {
    this.#socket = socket;
    this.clientId = clientId;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", () => {}); // A reset is a close: the close event follows.
    socket.on("close", () => this.#end());
    socket.on("end", () => this.#end());
  }

  static async open(port: number, clientId: string | null = "wire"): Promise<WireConnection> {
    return await new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.removeListener("error", reject);
        resolve(new WireConnection(socket, clientId));
      });
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Sends a request and gives its response. @throws {ConnectionClosed} when the broker closes the connection instead. */
  async request<A extends Api>(
    api: A,
    version: number,
    body: RequestInput<A>,
    timeoutMs = 60_000,
  ): Promise<ResponseOf<A>> {
    const outcome = await this.exchange(this.encode(api, version, body), timeoutMs);
    if (outcome.kind !== "answered") {
      throw new ConnectionClosed(`${api.name} v${version}: the connection ${outcome.kind}`);
    }
    return decodeResponse(api, version, outcome.frame).body;
  }

  /** A whole request frame, size included, with the next correlation id. */
  encode<A extends Api>(api: A, version: number, body: RequestInput<A>): Buffer {
    const envelope = { correlationId: ++this.#correlationId, clientId: this.clientId };
    return Buffer.concat(encodeRequest(api, version, envelope, body));
  }

  /** Sends bytes as they are and waits for the next frame. Requests may overlap: answers come in the order of the requests. */
  async exchange(bytes: Uint8Array, timeoutMs: number): Promise<FrameOutcome> {
    this.write(bytes);
    return await this.nextFrame(timeoutMs);
  }

  write(bytes: Uint8Array): void {
    if (!this.#closed) this.#socket.write(bytes);
  }

  /** The next frame that nobody waits for yet, without its size. */
  async nextFrame(timeoutMs: number): Promise<FrameOutcome> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return { kind: "answered", frame };
    if (this.#closed) return { kind: "closed" };
    return await new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        resolve({ kind: "silent" });
      }, timeoutMs);
      const waiter: Waiter = {
        resolve: (outcome) => {
          clearTimeout(timer);
          resolve(outcome);
        },
      };
      this.#waiters.push(waiter);
    });
  }

  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#received += chunk.length;
    while (this.#received >= 4) {
      const size = this.#flatten().readInt32BE(0);
      if (this.#received < 4 + size) return;
      const bytes = this.#flatten();
      this.#chunks = [bytes.subarray(4 + size)];
      this.#received -= 4 + size;
      this.#deliver(bytes.subarray(4, 4 + size));
    }
  }

  #flatten(): Buffer {
    const head = this.#chunks[0]!;
    if (this.#chunks.length > 1 && head.length < 4) this.#chunks = [Buffer.concat(this.#chunks)];
    else if (this.#chunks.length > 1 && this.#received >= 4 + head.readInt32BE(0)) {
      this.#chunks = [Buffer.concat(this.#chunks)];
    }
    return this.#chunks[0]!;
  }

  #deliver(frame: Buffer): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#frames.push(frame);
    else waiter.resolve({ kind: "answered", frame });
  }

  #end(): void {
    this.#closed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ kind: "closed" });
  }
}
