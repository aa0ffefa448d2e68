import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { BufferPool, SimulatedClock } from "@ottla/platform";
import { EARNEST_BYTES } from "./frame-reader.ts";
import { Listener, StalledFrame } from "./listener.ts";
import { MemoryBudget } from "./memory-budget.ts";

const FRAME_BYTES = 100_000;

test("NW: who sends little of a large frame is cut when others wait for its memory, and not before", async () => {
  const clock = new SimulatedClock();
  const budget = new MemoryBudget(FRAME_BYTES);
  const closed: unknown[] = [];
  const listener = new Listener({
    name: "PLAINTEXT",
    host: "127.0.0.1",
    port: 0,
    limits: { maxFrameBytes: FRAME_BYTES, budget, pool: new BufferPool(0) },
    maxIdleMs: -1,
    maxConnections: 10,
    maxConnectionsPerIp: 10,
    clock,
    server: { serve: () => null, mayOverlap: () => false, isLent: () => false },
    probe: {
      connectionOpened: () => {},
      connectionClosed: (_listener, cause) => closed.push(cause),
    },
  });
  await listener.listen();
  const begin = () =>
    connect(listener.port, "127.0.0.1")
      .on("error", () => {})
      .on("connect", beginFrame);
  const slow = begin();
  await until(() => budget.usedBytes === FRAME_BYTES);
  const [connection] = listener.connections();
  for (let second = 0; second < 10; second++) {
    clock.advance(1_000);
    slow.write(Buffer.alloc(1));
    await until(() => connection!.lastActiveMs === clock.monotonic());
  }
  assert.equal(closed.length, 0, "nobody waits");
  const other = begin();
  await until(() => budget.isContended);
  clock.advance(1_000);
  assert.equal(closed.length, 1);
  assert.ok(closed[0] instanceof StalledFrame);
  assert.equal(budget.isContended, false, "the other has the share");
  const closing = listener.drain(0);
  other.destroy();
  slow.destroy();
  clock.advance(1_000);
  await closing;
});

/** Sends the size of a large frame and as much of it as takes its share. */
function beginFrame(this: Socket): void {
  const bytes = Buffer.alloc(4 + EARNEST_BYTES);
  bytes.writeInt32BE(FRAME_BYTES);
  this.write(bytes);
}

/** Resolves when real I/O has made it so. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
