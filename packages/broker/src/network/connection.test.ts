import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { BufferPool, Later } from "@ottla/platform";
import fc from "fast-check";
import { Connection, type FrameServer, type Served } from "./connection.ts";
import { MIN_STRETCH_BYTES } from "./frame-progress.ts";
import { EARNEST_BYTES } from "./frame-reader.ts";
import { MemoryBudget } from "./memory-budget.ts";
import type { Exchange } from "./slot.ts";

test("responses leave in the order of requests however late they are ready", async () => {
  const peer = new Peer();
  peer.send("P1", "P2", "P3");
  assert.deepEqual(peer.started, ["P1", "P2", "P3"], "produces overlap");
  await peer.answer("P3", "three");
  await peer.answer("P2", "two");
  assert.equal(peer.received, "");
  await peer.answer("P1", "one");
  assert.equal(peer.received, "onetwothree");
  assert.equal(peer.budget.usedBytes, 0);
});

test("a request that may not overlap waits for all before it and holds up all behind it", async () => {
  const peer = new Peer();
  peer.send("P1", "F2", "P3");
  assert.deepEqual(peer.started, ["P1"]);
  await peer.answer("P1", "one");
  assert.deepEqual(peer.started, ["P1", "F2"]);
  await peer.answer("F2", "two");
  assert.deepEqual(peer.started, ["P1", "F2", "P3"]);
});

test("a request behind one that held it up arrives when that one is answered, as far as times go", async () => {
  const peer = new Peer();
  peer.nowMs = 10;
  peer.send("F1", "F2");
  peer.nowMs = 500;
  await peer.answer("F1", "one");
  await peer.answer("F2", "two");
  assert.deepEqual(peer.arrivals, [10, 500]);
});

test("a request without response gives its share back and leaves no gap", async () => {
  const peer = new Peer();
  peer.send("P1", "P2");
  await peer.answer("P1", null);
  assert.deepEqual(peer.told, ["P1"], "there is nothing to write");
  await peer.answer("P2", "two");
  assert.equal(peer.received, "two");
  assert.equal(peer.budget.usedBytes, 0);
});

test("nothing is started and nothing read while the peer does not read its answers", async () => {
  const peer = new Peer();
  peer.socket.isFull = true;
  peer.send("P1");
  await peer.answer("P1", "one");
  assert.equal(peer.socket.isPaused, true);
  peer.send("P2");
  assert.deepEqual(peer.started, ["P1"]);
  assert.equal(peer.budget.usedBytes, 2, "a waiting request");
  peer.socket.drain();
  assert.equal(peer.socket.isPaused, false);
  assert.deepEqual(peer.started, ["P1", "P2"]);
});

test("who answered learns that the operating system has the response, and not before", async () => {
  const peer = new Peer();
  peer.socket.isFull = true;
  peer.send("P1", "P2");
  await peer.answer("P2", "two");
  await peer.answer("P1", "one");
  assert.deepEqual(peer.told, []);
  peer.socket.drain();
  await turn();
  assert.deepEqual(peer.told, ["P1", "P2"]);
});

test("who answered learns of what a closed connection had handed to its socket when the socket is done with it", async () => {
  for (const end of ["drain", "cancel"] as const) {
    const peer = new Peer();
    peer.socket.isFull = true;
    peer.send("P1");
    await peer.answer("P1", "one");
    peer.connection.close();
    await turn();
    assert.deepEqual(peer.told, [], "the operating system may still read it");
    peer.socket[end]();
    await turn();
    assert.deepEqual(peer.told, ["P1"], end);
    assert.equal(peer.budget.usedBytes, 0);
  }
});

test("who answered learns at once of what a closed connection will not hand to its socket", async () => {
  const peer = new Peer();
  peer.send("P1", "P2", "P3", "P4");
  await peer.answer("P3", "three");
  assert.deepEqual(peer.told, []);
  peer.connection.close();
  assert.deepEqual(peer.told, ["P3"], "ready, with another before it");
  await peer.answer("P1", "one");
  await peer.refuse("P2");
  await peer.answer("P4", null);
  assert.deepEqual(peer.told, ["P3", "P1", "P2", "P4"], "answered behind the close");
  assert.equal(peer.received, "");
});

test("who answered learns of a response that was about to be written when the connection closed", async () => {
  const peer = new Peer();
  peer.send("P1");
  const answered = peer.answer("P1", "one");
  // Responses of one turn are gathered, and leave behind all promises.
  await null;
  await null;
  assert.equal(peer.connection.isBusy, false, "it is in no slot any more");
  peer.connection.close();
  assert.deepEqual(peer.told, ["P1"]);
  await answered;
  assert.equal(peer.received, "");
  assert.deepEqual(peer.told, ["P1"]);
});

test("who answered learns that a request before it failed and nothing behind that is written", async () => {
  const peer = new Peer();
  peer.send("P1", "P2", "P3", "P4");
  await peer.answer("P3", "three");
  await peer.refuse("P2");
  assert.deepEqual(peer.told, [], "the answers before it may still come");
  await peer.answer("P1", "one");
  assert.deepEqual(peer.told, ["P2", "P3", "P1"]);
  await peer.answer("P4", "four");
  assert.deepEqual(peer.told, ["P2", "P3", "P1", "P4"]);
  peer.socket.finish();
  assert.equal(peer.received, "one");
  assert.equal(peer.told.length, 4);
});

test("whatever becomes of a connection, of each response is told once, and not while the socket has it", async () => {
  const steps = fc.array(
    fc.constantFrom("send", "answer", "answer", "refuse", "full", "drain", "cancel", "close"),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(steps, fc.infiniteStream(fc.nat()), async (taken, numbers) => {
      const peer = new Peer();
      const unanswered = () => peer.started.filter((request) => !peer.answered.has(request));
      let sent = 0;
      for (const step of [...taken, "close", "drain"]) {
        const open = unanswered();
        const one = open[numbers.next().value! % open.length];
        if (step === "send") peer.send(`P${sent++}.`);
        else if (step === "answer" && one !== undefined) await peer.answer(one, one);
        else if (step === "refuse" && one !== undefined) await peer.refuse(one);
        else if (step === "full") peer.socket.isFull = true;
        else if (step === "drain" || step === "cancel") peer.socket[step]();
        else if (step === "close") peer.connection.close();
        await turn();
        for (const request of peer.told) {
          assert.ok(peer.answered.has(request), `${request} is not answered`);
          assert.ok(!peer.socket.unwritten.includes(request), `${request} is being written`);
        }
      }
      for (const request of unanswered()) await peer.answer(request, request);
      assert.deepEqual(peer.told.toSorted(), peer.started.toSorted());
    }),
  );
});

test("reading stops at a bound of requests that wait, and goes on below it", async () => {
  const peer = new Peer();
  peer.send("F0");
  for (let index = 0; index < 20; index++) peer.send(`X${index}`);
  assert.equal(peer.socket.isPaused, true);
  await peer.answer("F0", "");
  for (let index = 0; index < 6; index++) await peer.answer(`X${index}`, "");
  assert.equal(peer.socket.isPaused, false);
});

test("reading stops while the budget has no share and goes on when others gave back theirs", async () => {
  const budget = new MemoryBudget(10);
  const first = new Peer(budget);
  const second = new Peer(budget);
  first.send("P1234567");
  second.send("P1234567");
  assert.deepEqual(second.started, []);
  assert.equal(second.socket.isPaused, true);
  await first.answer("P1234567", "done");
  assert.deepEqual(second.started, ["P1234567"]);
  assert.equal(second.socket.isPaused, false);
  assert.equal(budget.usedBytes, 8);
});

test("a close at any point gives back the shares of all but those that are still served, once, and aborts what waits", async () => {
  for (const close of ["close", "error", "destroy"] as const) {
    const budget = new MemoryBudget(100_000);
    const peer = new Peer(budget);
    peer.socket.isFull = true;
    peer.send("P1", "P2", "F3", "X4");
    await peer.answer("P1", "one");
    assert.equal(budget.usedBytes, 6);
    if (close === "close") peer.socket.emit("close");
    else if (close === "error") peer.socket.emit("error", new Error("reset"));
    else peer.connection.close();
    assert.equal(budget.usedBytes, 2, `${close}: P2 is still served`);
    await peer.answer("P2", "two");
    assert.equal(budget.usedBytes, 0);
    peer.connection.close();
    assert.equal(budget.usedBytes, 0, "once");
    assert.equal(peer.connection.signal.aborted, true);
    assert.equal(peer.closedWith.length, 1);
  }
});

test("a close gives back the share of a frame that is half there", () => {
  const peer = new Peer(new MemoryBudget(100_000));
  peer.send("P1");
  peer.beginFrame(50_000);
  assert.equal(peer.budget.usedBytes, 50_002);
  peer.connection.close();
  assert.equal(peer.budget.usedBytes, 2, "P1 is still served");
});

test("a request that fails keeps the shares of those that are still served", async () => {
  const peer = new Peer();
  peer.send("P1", "P2");
  await peer.refuse("P1");
  assert.equal(peer.budget.usedBytes, 2, "P2");
  await peer.answer("P2", "two");
  assert.equal(peer.budget.usedBytes, 0);
});

test("a request that nobody looks at once it is parsed holds no share while it is served", async () => {
  const peer = new Peer();
  peer.send(`F${"0".repeat(500)}`);
  assert.equal(peer.started.length, 1);
  assert.equal(peer.budget.usedBytes, 0);
  assert.equal(peer.connection.isSettled, false);
  await peer.answer(peer.started[0]!, "done");
  assert.equal(peer.received, "done");
  assert.equal(peer.connection.isSettled, true);
});

test("a large frame takes no share before it could be started", async () => {
  const peer = new Peer(new MemoryBudget(100_000));
  peer.send("F1");
  peer.beginFrame(50_000);
  assert.equal(peer.budget.usedBytes, 0);
  assert.equal(peer.socket.isPaused, true);
  await peer.answer("F1", "one");
  assert.equal(peer.budget.usedBytes, 50_000);
  assert.equal(peer.socket.isPaused, false);

  const slow = new Peer(new MemoryBudget(100_000));
  slow.socket.isFull = true;
  slow.send("P1");
  await slow.answer("P1", "one");
  slow.beginFrame(50_000);
  assert.equal(slow.budget.usedBytes, 0, "its answers are not read");
  slow.socket.drain();
  await turn();
  assert.equal(slow.budget.usedBytes, 50_000);

  const pipelined = new Peer(new MemoryBudget(100_000));
  const large = `P${"0".repeat(20_000)}`;
  pipelined.send("P1", large, "F3", `${large}1`);
  assert.deepEqual(pipelined.started, ["P1", large]);
  await pipelined.answer("P1", "a");
  await pipelined.answer(large, "b");
  await pipelined.answer("F3", "c");
  await pipelined.answer(`${large}1`, "d");
  assert.equal(pipelined.received, "abcd");
  assert.equal(pipelined.budget.usedBytes, 0);
});

test("answers that nobody has taken yet hold up the requests behind them, and other connections get their turn", async () => {
  const peer = new Peer(new MemoryBudget(1_000_000));
  peer.instant = Buffer.alloc(1_048_576);
  peer.socket.isFull = true;
  peer.send(...Array.from({ length: 100 }, (_, index) => `F${index}`));
  await turn();
  assert.deepEqual(peer.started, ["F0"]);
  peer.instant = Buffer.from("x");
  peer.socket.drain();
  for (let index = 0; index < 5 && peer.started.length < 100; index++) await turn();
  assert.equal(peer.started.length, 100, "small ones go together");
  assert.equal(peer.received.length, 1_048_576 + 99);

  const many = new Peer(new MemoryBudget(1_000_000));
  many.instant = Buffer.from("x");
  many.send(...Array.from({ length: 5_000 }, (_, index) => `F${index}`));
  await Promise.resolve();
  await new Promise((resolve) => process.nextTick(resolve));
  const first = many.started.length;
  assert.ok(first > 100 && first < 5_000, `${first} in the first turn`);
  for (let index = 0; index < 50 && many.started.length < 5_000; index++) await turn();
  assert.equal(many.received.length, 5_000);
  assert.equal(many.budget.usedBytes, 0);
});

test("a close while waiting for a share lets the next in line pass", async () => {
  const budget = new MemoryBudget(10);
  const [first, second, third] = [new Peer(budget), new Peer(budget), new Peer(budget)];
  first.send("P12345");
  second.send("P1234567");
  third.send("P3");
  assert.deepEqual(third.started, []);
  second.connection.close();
  assert.deepEqual(third.started, ["P3"]);
  first.connection.close();
  third.connection.close();
  await first.answer("P12345", "");
  await third.answer("P3", "");
  assert.equal(budget.usedBytes, 0);
});

test("NW: a peer that falls silent in the middle of a frame counts as stalled, one that may not send does not", () => {
  const peer = new Peer(new MemoryBudget(100_000));
  assert.equal(peer.connection.isStalledSince(1), false, "idle");
  peer.beginFrame(50_000);
  assert.equal(peer.connection.isStalledSince(0), false);
  assert.equal(peer.connection.isStalledSince(1), true);
  peer.nowMs = 5;
  peer.socket.emit("data", Buffer.alloc(MIN_STRETCH_BYTES));
  assert.equal(peer.connection.isStalledSince(5), false, "it went on");

  const first = new Peer(new MemoryBudget(60_000));
  first.beginFrame(50_000);
  const second = new Peer(first.budget);
  second.beginFrame(50_000);
  second.nowMs = 5;
  first.connection.close();
  assert.equal(second.connection.isStalledSince(5), false, "it was its turn only now");

  const waiting = new Peer(new MemoryBudget(100_000));
  waiting.send("F0");
  for (let index = 0; index < 20; index++) waiting.send(`X${index}`);
  waiting.beginFrame(50_000);
  assert.equal(waiting.connection.isStalledSince(1), false, "we do not read");
});

test("NW: a frame that comes too slowly counts as stalled, however often something of it comes", () => {
  const peer = new Peer(new MemoryBudget(2_000_000));
  const size = 1_000_000;
  const enough = size / 40;
  peer.beginFrame(size);
  for (peer.nowMs = 1; peer.nowMs <= 5; peer.nowMs++) {
    assert.equal(peer.connection.isStalledSince(peer.nowMs - 1), peer.nowMs > 1);
    peer.socket.emit("data", Buffer.alloc(enough / 5 - 1));
  }
  assert.equal(peer.connection.isStalledSince(5), true, "almost enough");
  peer.socket.emit("data", Buffer.alloc(5));
  assert.equal(peer.connection.isStalledSince(6), false, "enough");
  peer.nowMs = 20;
  peer.socket.emit("data", Buffer.alloc(enough - 1));
  assert.equal(peer.connection.isStalledSince(20), true);
  peer.socket.emit("data", Buffer.alloc(1));
  assert.equal(peer.connection.isStalledSince(20), false);
});

test("NW: a smaller frame has to come as fast as one of 640 KB", () => {
  const peer = new Peer(new MemoryBudget(100_000));
  peer.beginFrame(50_000);
  peer.nowMs = 5;
  peer.socket.emit("data", Buffer.alloc(MIN_STRETCH_BYTES - 1));
  assert.equal(peer.connection.isStalledSince(5), true);
  peer.socket.emit("data", Buffer.alloc(1));
  assert.equal(peer.connection.isStalledSince(5), false);
});

test("NW: what a peer sent before does not count against its frame, nor the time in which it was not read", async () => {
  const peer = new Peer(new MemoryBudget(2_000_000));
  peer.instant = Buffer.from("done");
  peer.nowMs = 5;
  peer.send("P1");
  await turn();
  peer.nowMs = 50;
  peer.beginFrame(1_000_000);
  assert.equal(peer.connection.isStalledSince(50), false, "it has just begun");

  const slow = new Peer(new MemoryBudget(2_000_000));
  slow.socket.isFull = true;
  slow.send("P1");
  slow.beginFrame(1_000_000);
  await slow.answer("P1", "one");
  assert.equal(slow.socket.isPaused, true);
  slow.nowMs = 50;
  slow.socket.drain();
  assert.equal(slow.socket.isPaused, false);
  assert.equal(slow.connection.isStalledSince(50), false, "it may go on only now");
  assert.equal(slow.connection.isStalledSince(51), true);
});

test("NW: a request that cannot be served closes the connection after the answers before it", async () => {
  const peer = new Peer();
  peer.send("P1", "P2", "P3");
  await peer.refuse("P2");
  assert.equal(peer.socket.isEnded, false);
  await peer.answer("P3", "three");
  await peer.answer("P1", "one");
  assert.equal(peer.received, "one");
  assert.equal(peer.socket.isEnded, true);
  peer.socket.finish();
  assert.equal(peer.socket.isDestroyed, true);
  assert.match(String(peer.closedWith[0]), /refused/);
  assert.equal(peer.budget.usedBytes, 0);
});

test("NW: bytes that are no frame close the connection after the requests before them", async () => {
  const peer = new Peer();
  peer.send("P1", "F2");
  peer.socket.emit("data", prefix(-1));
  assert.equal(peer.socket.isDestroyed, false);
  await peer.answer("P1", "one");
  await peer.answer("F2", "two");
  assert.equal(peer.received, "onetwo");
  peer.socket.finish();
  assert.equal(peer.socket.isDestroyed, true);
  assert.match(String(peer.closedWith[0]), /frame of -1 bytes/);
});

test("NW: all requests of a peer that then closes are started before the connection is", async () => {
  const peer = new Peer();
  peer.send("F1", "P2", "P3");
  peer.socket.emit("end");
  assert.equal(peer.connection.signal.aborted, true, "the fetch need not wait any longer");
  assert.equal(peer.socket.isDestroyed, false);
  await peer.answer("F1", "");
  assert.deepEqual(peer.started, ["F1", "P2", "P3"]);
  assert.equal(peer.socket.isDestroyed, true);
  assert.equal(peer.budget.usedBytes, 4, "P2 and P3 are still served");
  await peer.answer("P2", "");
  await peer.answer("P3", "");
  assert.equal(peer.budget.usedBytes, 0);
});

test("NW: a large request that waits for those before it is started although its peer closes meanwhile", async () => {
  const peer = new Peer(new MemoryBudget(100_000));
  const large = `P${"0".repeat(20_000)}`;
  peer.send("F1", large);
  assert.deepEqual(peer.started, ["F1"]);
  peer.socket.emit("end");
  assert.equal(peer.socket.isDestroyed, false);
  await peer.answer("F1", "");
  assert.deepEqual(peer.started, ["F1", large]);
  assert.equal(peer.socket.isDestroyed, true);
});

test("a drain answers what is in flight, starts nothing more and then closes our side", async () => {
  const peer = new Peer();
  peer.send("F1", "P2");
  peer.connection.drain();
  assert.equal(peer.connection.signal.aborted, true);
  peer.send("P3");
  assert.equal(peer.budget.usedBytes, 0, "what is not started gives its share back");
  await peer.answer("F1", "one");
  assert.deepEqual(peer.started, ["F1"]);
  assert.equal(peer.received, "one");
  assert.equal(peer.socket.isEnded, true);
  assert.equal(peer.connection.isSettled, true);
  peer.socket.emit("end");
  assert.equal(peer.socket.isDestroyed, true);
  assert.equal(peer.budget.usedBytes, 0);
});

test("a drain closes an idle connection at once", () => {
  const peer = new Peer();
  peer.connection.drain();
  assert.equal(peer.socket.isDestroyed, true);
});

test("a drain waits for a slow peer to take its answers", async () => {
  const peer = new Peer();
  peer.socket.isFull = true;
  peer.send("P1");
  await peer.answer("P1", "one");
  peer.connection.drain();
  assert.equal(peer.socket.isEnded, true);
  assert.equal(peer.socket.isDestroyed, false);
  assert.equal(peer.connection.isSettled, false);
  peer.socket.drain();
  await turn();
  assert.equal(peer.connection.isSettled, true);
});

test("NW: a large frame takes no share while answers before it have yet to be handed to a peer that may not read them", async () => {
  const peer = new Peer(new MemoryBudget(100_000));
  peer.socket.isFull = true;
  peer.send("F1");
  peer.beginFrame(50_000);
  assert.equal(peer.budget.usedBytes, 0);
  await peer.answer("F1", "one");
  assert.equal(peer.socket.isPaused, true, "it does not read");
  assert.equal(peer.budget.usedBytes, 0, "so it holds nothing that others may want");
  peer.socket.drain();
  await turn();
  assert.equal(peer.budget.usedBytes, 50_000);
  assert.equal(peer.socket.isPaused, false);
});

test("NW: frames of a byte behind a request that is served are not taken apart without end", async () => {
  const peer = new Peer(new MemoryBudget(1_000_000));
  peer.send("F1", ...Array.from({ length: 50_000 }, () => "X"));
  assert.deepEqual(peer.started, ["F1"]);
  assert.ok(peer.budget.usedBytes < 5_000, `${peer.budget.usedBytes} requests are kept`);
  peer.instant = Buffer.from("x");
  await peer.answer("F1", "x");
  for (let index = 0; index < 500_000 && peer.started.length < 50_001; index++) await turn();
  assert.equal(peer.received.length, 50_001);
  assert.equal(peer.budget.usedBytes, 0);
});

test("NW: many who wait for a share are granted it, however many in one go", () => {
  const budget = new MemoryBudget(100_000);
  const first = new Peer(budget);
  first.beginFrame(100_000);
  const others = Array.from({ length: 5_000 }, () => {
    const peer = new Peer(budget);
    peer.send(`F${"0".repeat(60_000)}`);
    return peer;
  });
  first.connection.close();
  let started = 0;
  for (const peer of others) {
    started += peer.started.length;
  }
  assert.equal(others.filter((peer) => peer.closedWith.length > 0).length, 0, "closed");
  assert.equal(started, 5_000);
  assert.equal(budget.usedBytes, 0);
});

test("NW: a frame for which there is no memory gives back its share", async () => {
  const pool = new BufferPool(0);
  pool.take = () => {
    throw new RangeError("Array buffer allocation failed");
  };
  const peer = new Peer(new MemoryBudget(1_000), pool);
  peer.send("F".repeat(100));
  await turn();
  assert.equal(peer.closedWith.length, 1);
  assert.equal(peer.budget.usedBytes, 0);
});

test("NW: a request whose memory was given back holds no share, whether its answer is read or not", async () => {
  const peer = new Peer(new MemoryBudget(100_000));
  peer.socket.isFull = true;
  peer.socket.hasRoom = true;
  const large = `P${"0".repeat(50_000)}`;
  peer.send(large);
  assert.equal(peer.budget.usedBytes, large.length);
  await peer.answer(large, "done");
  assert.equal(peer.received, "", "nobody reads it");
  assert.equal(peer.budget.usedBytes, 0);
});

test("NW: a peer that may not go on with a frame because it does not read its answers counts as stalled", async () => {
  const peer = new Peer(new MemoryBudget(100_000));
  peer.socket.isFull = true;
  peer.send("P1");
  peer.beginFrame(50_000);
  await peer.answer("P1", "one");
  assert.equal(peer.socket.isPaused, true);
  assert.equal(peer.budget.usedBytes, 50_000);
  peer.nowMs = 10_000;
  assert.equal(peer.connection.isStalledSince(5_000), true);
});

/** A connection with a client on one side, and on the other a server whose answers the test gives. `P…` requests may overlap. */
class Peer implements FrameServer {
  readonly socket = new FakeSocket();
  readonly budget: MemoryBudget;
  readonly connection: Connection;
  readonly started: string[] = [];
  /** Of each that was started, what its time is counted from. */
  readonly arrivals: number[] = [];
  readonly answered = new Set<string>();
  /** Requests of which the connection said that nobody looks at their responses any more. */
  readonly told: string[] = [];
  nowMs = 0;
  /** What each request is answered at once; null for by {@link answer}. */
  instant: Buffer | null = null;
  readonly closedWith: unknown[] = [];
  readonly #pending = new Map<string, Later<readonly Buffer[] | null>>();

  constructor(budget = new MemoryBudget(1000), pool = new BufferPool(0)) {
    this.budget = budget;
    const limits = { maxFrameBytes: 1_000_000, budget, pool };
    this.connection = new Connection(
      this.socket as unknown as Socket,
      "PLAINTEXT",
      this,
      limits,
      () => this.nowMs,
    );
  }

  get received(): string {
    return this.socket.written;
  }

  /** All in one chunk. */
  send(...requests: string[]): void {
    const frames = requests.flatMap((text) => [prefix(text.length), Buffer.from(text)]);
    this.socket.emit("data", Buffer.concat(frames));
  }

  /** The size prefix of a frame and enough of it to be taken seriously. */
  beginFrame(size: number): void {
    this.socket.emit("data", Buffer.concat([prefix(size), Buffer.alloc(EARNEST_BYTES)]));
  }

  async answer(request: string, response: string | null): Promise<void> {
    this.#take(request).settle(response === null ? null : [Buffer.from(response)]);
    await turn();
  }

  async refuse(request: string): Promise<void> {
    this.#take(request).fail(new Error("refused"));
    await turn();
  }

  serve(connection: Connection, frame: Buffer, exchange: Exchange): Served {
    const text = frame.toString();
    this.arrivals.push(connection.lastActiveMs);
    exchange.onWritten = () => this.told.push(text);
    this.started.push(text);
    if (this.instant !== null) return Later.from(Promise.resolve([this.instant]));
    const pending = new Later<readonly Buffer[] | null>();
    this.#pending.set(text, pending);
    return pending;
  }

  isLent(frame: Buffer): boolean {
    return this.mayOverlap(frame);
  }

  mayOverlap(frame: Buffer): boolean {
    return frame[0] === "P".charCodeAt(0);
  }

  closed(_connection: Connection, cause: unknown): void {
    this.closedWith.push(cause);
  }

  #take(request: string): Later<readonly Buffer[] | null> {
    const pending = this.#pending.get(request);
    assert.ok(pending, `${request} was not started`);
    this.answered.add(request);
    return pending;
  }
}

/** What a connection uses of a socket. While it is full, writes are kept until {@link drain} or {@link cancel}. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress = "127.0.0.1";
  written = "";
  isFull = false;
  /** Whether it keeps what the operating system does not take without asking for a pause. */
  hasRoom = false;
  isPaused = false;
  isEnded = false;
  isDestroyed = false;
  #unwritten: { readonly text: string; readonly done: (error?: Error) => void }[] = [];
  #onFinished: (() => void)[] = [];

  get writableNeedDrain(): boolean {
    return this.isFull && !this.hasRoom;
  }

  setNoDelay(): void {}

  setKeepAlive(): void {}
  cork(): void {}
  uncork(): void {}

  /** What it was given and is not done with. */
  get unwritten(): string {
    return this.#unwritten.map(({ text }) => text).join("");
  }

  write(bytes: Buffer, done: (error?: Error) => void = () => {}): void {
    this.#unwritten.push({ text: bytes.toString(), done });
    if (!this.isFull) this.#writeAll();
  }

  end(onFinished: () => void = () => {}): void {
    this.isEnded = true;
    this.#onFinished.push(onFinished);
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  drain(): void {
    this.isFull = false;
    this.#writeAll();
    this.emit("drain");
  }

  /** Gives up on what it was given, as a socket does some time after it was destroyed. */
  cancel(): void {
    const cause = new Error("cancelled");
    for (const { done } of this.#unwritten.splice(0)) process.nextTick(done, cause);
  }

  #writeAll(): void {
    for (const { text, done } of this.#unwritten.splice(0)) {
      this.written += text;
      process.nextTick(done);
    }
  }

  finish(): void {
    for (const finished of this.#onFinished.splice(0)) finished();
  }
}

function prefix(size: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(size);
  return bytes;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
