import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { BufferPool, type Cancel, SimulatedClock } from "@ottla/platform";
import { Admission, type BrokerAdmissionLimits } from "./admission.ts";
import type { Connection } from "./connection.ts";
import { EARNEST_BYTES } from "./frame-reader.ts";
import { Listener, StalledFrame } from "./listener.ts";
import { MemoryBudget } from "./memory-budget.ts";

const FRAME_BYTES = 100_000;
const UNLIMITED: BrokerAdmissionLimits = {
  maxConnections: Number.POSITIVE_INFINITY,
  connectionsPerSecond: Number.POSITIVE_INFINITY,
  maxFrom: () => Number.POSITIVE_INFINITY,
};

test("NW: who sends little of a large frame is cut when others wait for its memory, and not before", async () => {
  await using setting = await Setting.start();
  const { clock, budget, closed } = setting;
  const slow = await setting.beginFrame();
  for (let second = 0; second < 10; second++) {
    clock.advance(1_000);
    slow.write(Buffer.alloc(1));
    await until(() => setting.first.lastActiveMs === clock.monotonic());
  }
  assert.equal(closed.length, 0, "nobody waits");
  await setting.beginFrame();
  assert.equal(budget.isContended, true);
  clock.advance(1_000);
  assert.equal(closed.length, 1);
  assert.ok(closed[0] instanceof StalledFrame);
  assert.equal(budget.isContended, false, "the other has the share");
});

test("NW: nobody is cut for what may have come while the event loop was held up", async () => {
  await using setting = await Setting.start();
  const { clock, closed } = setting;
  await setting.beginFrame();
  await setting.beginFrame();
  clock.isHeldUp = true;
  clock.advance(10_000);
  clock.isHeldUp = false;
  assert.equal(clock.runLate(), 1);
  assert.equal(closed.length, 0);
  clock.advance(1_000);
  assert.ok(closed[0] instanceof StalledFrame, "nothing came");
});

test("NW: who does not read its answers is closed for being idle, whatever it has sent behind", {
  timeout: 20_000,
}, async () => {
  await using setting = await Setting.start({ maxIdleMs: 60_000, answerBytes: 64_000_000 });
  const peer = await setting.ask(2);
  peer.pause();
  await until(() => setting.served === 1);
  await until(() => {
    setting.clock.advance(15_000);
    return setting.closed.length > 0;
  });
  assert.equal(setting.served, 1, "nothing is started for who does not read");
  assert.equal(setting.budget.usedBytes, 0);
});

test("NW: who reads a large answer slowly is not idle", { timeout: 20_000 }, async () => {
  await using setting = await Setting.start({ maxIdleMs: 60_000, answerBytes: 64_000_000 });
  const peer = await setting.ask(1);
  let received = 0;
  peer.on("data", (chunk) => (received += chunk.length)).pause();
  await until(() => setting.served === 1);
  for (let check = 0; check < 8; check++) {
    const enough = received + 6_000_000;
    peer.resume();
    await until(() => received >= enough || setting.closed.length > 0);
    peer.pause();
    setting.clock.advance(15_000);
    assert.equal(setting.closed.length, 0, `after ${received} bytes`);
  }
});

test("NW: who does not read its answers holds no memory that others wait for", {
  timeout: 20_000,
}, async () => {
  await using setting = await Setting.start({ answerBytes: 64_000_000 });
  const hog = await setting.ask(1, FRAME_BYTES);
  hog.pause();
  await until(() => setting.served === 1);
  const other = await setting.ask(0, FRAME_BYTES);
  other.write(Buffer.alloc(FRAME_BYTES - EARNEST_BYTES));
  await until(() => {
    setting.clock.advance(750);
    return setting.served === 2;
  });
});

test("NW: who connects before the listener is open is served when it is, and let go when that never comes", async () => {
  await using opened = await Setting.bind();
  await using closed = await Setting.bind();
  await using other = await Setting.start();
  await opened.ask(1);
  const gone = once(await closed.ask(1), "close");
  for (let round = 1; round <= 3; round++) {
    await other.ask(1);
    await until(() => other.served === round);
  }
  assert.deepEqual([opened.served, closed.served], [0, 0]);
  opened.open();
  await until(() => opened.served === 1);
  await closed[Symbol.asyncDispose]();
  await gone;
});

/** A listener with memory for one large frame. */
class Setting implements AsyncDisposable {
  readonly clock = new HeldUpClock();
  readonly budget = new MemoryBudget(FRAME_BYTES);
  readonly closed: unknown[] = [];
  readonly #sockets: Socket[] = [];
  served = 0;
  readonly #listener: Listener;

  constructor({ maxIdleMs = -1, answerBytes = 0 } = {}) {
    const answer = answerBytes === 0 ? null : [Buffer.alloc(answerBytes)];
    this.#listener = new Listener({
      name: "PLAINTEXT",
      host: "127.0.0.1",
      port: 0,
      limits: { maxFrameBytes: FRAME_BYTES, budget: this.budget, pool: new BufferPool(0) },
      maxIdleMs,
      admission: new Admission(UNLIMITED, { windowMs: 1000, windows: 11 }, this.clock),
      admissionLimits: UNLIMITED,
      isBetweenBrokers: false,
      clock: this.clock,
      server: {
        serve: () => {
          this.served++;
          return answer;
        },
        mayOverlap: () => false,
        isLent: () => false,
      },
      probe: {
        connectionOpened: () => {},
        connectionClosed: (_listener, _address, cause) => this.closed.push(cause),
      },
    });
  }

  static async start(options = {}): Promise<Setting> {
    const setting = await Setting.bind(options);
    setting.open();
    return setting;
  }

  /** One that is not open yet. */
  static async bind(options = {}): Promise<Setting> {
    const setting = new Setting(options);
    await setting.#listener.listen();
    return setting;
  }

  open(): void {
    this.#listener.open();
  }

  get first(): Connection {
    const [connection] = this.#listener.connections();
    return connection!;
  }

  /** A peer that sent as much of a large frame as takes its share, and has it or waits for it. */
  async beginFrame(): Promise<Socket> {
    const hasShare = this.budget.usedBytes === 0;
    const socket = connect(this.#listener.port, "127.0.0.1");
    this.#sockets.push(socket.on("error", () => {}));
    const bytes = Buffer.alloc(4 + EARNEST_BYTES);
    bytes.writeInt32BE(FRAME_BYTES);
    socket.write(bytes);
    await until(() => (hasShare ? this.budget.usedBytes > 0 : this.budget.isContended));
    return socket;
  }

  /** A peer that sent so many requests in one go, and began a frame behind them. */
  async ask(requests: number, begunBytes = 0): Promise<Socket> {
    const socket = connect(this.#listener.port, "127.0.0.1");
    this.#sockets.push(socket.on("error", () => {}));
    const request = Buffer.alloc(12);
    request.writeInt32BE(8);
    const begun = Buffer.alloc(begunBytes === 0 ? 0 : 4 + EARNEST_BYTES);
    if (begunBytes > 0) begun.writeInt32BE(begunBytes);
    socket.write(Buffer.concat([...Array.from({ length: requests }, () => request), begun]));
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.#listener.drain(0);
    for (const socket of this.#sockets) socket.destroy();
    this.clock.advance(1_000);
    await closing;
  }
}

/** A clock whose timers do not run while the event loop is held up. */
class HeldUpClock extends SimulatedClock {
  isHeldUp = false;
  #late: (() => void)[] = [];

  override schedule(delayMs: number, task: () => void): Cancel {
    return super.schedule(delayMs, () => {
      if (this.isHeldUp) this.#late.push(task);
      else task();
    });
  }

  /** Runs what fell due meanwhile and returns how much that was. */
  runLate(): number {
    const late = this.#late.splice(0);
    for (const task of late) task();
    return late.length;
  }
}

/** Resolves when real I/O has made it so. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
