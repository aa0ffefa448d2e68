/**
 * A peer between one client and its broker that misbehaves by request: loses the request or the answer together with the connection, tears
 * the answer, delays it, or claims that the coordinator is another one. It can also hold everything for a while, as when a process is paused,
 * and deliver it late, or cut everything for good, as when a process is killed.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import {
  addOffsetsToTxn,
  consumerGroupHeartbeat,
  encodeResponse,
  endTxn,
  heartbeat,
  initProducerId,
  joinGroup,
  syncGroup,
} from "@ottla/protocol";

/** Numbers from a seed, in [0, 1). */
export type Random = () => number;

/** The same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Probabilities for each request. */
export interface FaultRates {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly tornAnswer: number;
  readonly delay: number;
  readonly maxDelayMs: number;
  /** Of requests to a coordinator: it is answered that another broker is in charge. */
  readonly movedCoordinator: number;
}

const NOT_COORDINATOR = 16;
const SIZE_BYTES = 4;

export class FaultProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #random: Random;
  readonly #sockets = new Set<Socket>();
  /** Pending while everything is held. */
  #gate: Promise<void> = Promise.resolve();
  #isCut = false;
  rates: FaultRates | null;
  faults = 0;

  private constructor(targetPort: number, random: Random, rates: FaultRates | null) {
    this.#targetPort = targetPort;
    this.#random = random;
    this.rates = rates;
    this.#server = createServer((down) => this.#relay(down));
  }

  static async start(
    targetPort: number,
    random: Random,
    rates: FaultRates | null,
  ): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, random, rates);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** For the client's `dial`. */
  get dial(): (host: string, port: number) => Socket {
    return () => connect({ host: "127.0.0.1", port: (this.#server.address() as AddressInfo).port });
  }

  /** Breaks all connections; new ones are possible. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Breaks all connections, for good. */
  cut(): void {
    this.#isCut = true;
    this.reset();
  }

  /** Holds requests and answers until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #relay(down: Socket): void {
    const up = connect({ host: "127.0.0.1", port: this.#targetPort });
    const end = () => {
      down.destroy();
      up.destroy();
      this.#sockets.delete(down);
    };
    for (const socket of [down, up]) {
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", end);
    }
    this.#sockets.add(down);
    if (this.#isCut) {
      end();
      return;
    }
    const queue = new AnswerQueue(down);
    Promise.all([this.#requests(down, up, queue), this.#answers(up, queue)]).catch(end);
  }

  async #requests(down: Socket, up: Socket, queue: AnswerQueue): Promise<void> {
    for await (const frame of frames(down)) {
      await this.#gate;
      const { lostRequest = 0, movedCoordinator = 0 } = this.rates ?? {};
      if (this.#draw(lostRequest)) throw new Error("the request is lost");
      const apiKey = frame.readInt16BE(SIZE_BYTES);
      const refuse = REFUSALS.get(apiKey);
      if (refuse !== undefined && this.#draw(movedCoordinator)) {
        queue.push(refuse(frame.readInt16BE(SIZE_BYTES + 2), frame.readInt32BE(SIZE_BYTES + 4)));
        continue;
      }
      queue.push(null);
      up.write(frame);
    }
  }

  async #answers(up: Socket, queue: AnswerQueue): Promise<void> {
    for await (const frame of frames(up)) {
      const rates = this.rates;
      if (this.#draw(rates?.delay ?? 0)) await delay(this.#random() * rates!.maxDelayMs);
      await this.#gate;
      if (this.#draw(rates?.lostAnswer ?? 0)) throw new Error("the answer is lost");
      if (this.#draw(rates?.tornAnswer ?? 0)) {
        await queue.tear(frame.subarray(0, Math.floor(this.#random() * frame.length)));
        throw new Error("the answer is torn");
      }
      queue.answer(frame);
    }
  }

  #draw(probability: number): boolean {
    const isHit = probability > 0 && this.#random() < probability;
    if (isHit) this.faults++;
    return isHit;
  }
}

/** Answers leave in the order of their requests: those of the broker, and those made here. */
class AnswerQueue {
  readonly #socket: Socket;
  readonly #waiting: (Buffer | null)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** A request was taken; `answer` is null when the broker will answer it. */
  push(answer: Buffer | null): void {
    this.#waiting.push(answer);
    this.#flush();
  }

  answer(frame: Buffer): void {
    this.#waiting.shift();
    this.#socket.write(frame);
    this.#flush();
  }

  /** Writes a part of an answer and waits until it is on its way. */
  tear(part: Buffer): Promise<void> {
    return new Promise((resolve) => this.#socket.write(part, () => resolve()));
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#waiting[0] !== null) {
      this.#socket.write(this.#waiting.shift()!);
    }
  }
}

/** Whole frames with their size in front. */
async function* frames(socket: Socket): AsyncGenerator<Buffer> {
  let buffered: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    while (buffered.length >= SIZE_BYTES) {
      const end = SIZE_BYTES + buffered.readInt32BE(0);
      if (buffered.length < end) break;
      yield buffered.subarray(0, end);
      buffered = buffered.subarray(end);
    }
  }
}

type Refusal = (version: number, correlationId: number) => Buffer;

const errorCode = NOT_COORDINATOR;
const identity = { producerId: -1, producerEpoch: -1 };

/** How coordinators say that they are none, by API key. */
const REFUSALS: ReadonlyMap<number, Refusal> = new Map<number, Refusal>([
  [
    joinGroup.key,
    (version, id) =>
      Buffer.concat(
        encodeResponse(joinGroup, version, id, {
          errorCode,
          generationId: -1,
          protocolName: "",
          leader: "",
          memberId: "",
          members: [],
        }),
      ),
  ],
  [
    syncGroup.key,
    (version, id) =>
      Buffer.concat(encodeResponse(syncGroup, version, id, { errorCode, assignment: NOTHING })),
  ],
  [
    heartbeat.key,
    (version, id) => Buffer.concat(encodeResponse(heartbeat, version, id, { errorCode })),
  ],
  [
    consumerGroupHeartbeat.key,
    (version, id) =>
      Buffer.concat(
        encodeResponse(consumerGroupHeartbeat, version, id, {
          throttleTimeMs: 0,
          errorCode,
          memberEpoch: 0,
          heartbeatIntervalMs: 0,
        }),
      ),
  ],
  [
    initProducerId.key,
    (version, id) =>
      Buffer.concat(
        encodeResponse(initProducerId, version, id, { throttleTimeMs: 0, errorCode, ...identity }),
      ),
  ],
  [
    addOffsetsToTxn.key,
    (version, id) =>
      Buffer.concat(encodeResponse(addOffsetsToTxn, version, id, { throttleTimeMs: 0, errorCode })),
  ],
  [
    endTxn.key,
    (version, id) =>
      Buffer.concat(encodeResponse(endTxn, version, id, { throttleTimeMs: 0, errorCode })),
  ],
]);

const NOTHING = Buffer.alloc(0);
