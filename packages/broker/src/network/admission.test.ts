import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { Admission, type Evictable, type Gate, MAX_WAITING } from "./admission.ts";

test("NW: one too many waits until another has gone, and those behind it in their order", () => {
  const door = new Door();
  door.broker.maxConnections = 2;
  const gate = door.gate();
  for (const name of ["a", "b", "c", "d"]) door.arrive(gate, name);
  assert.deepEqual(door.inside, ["a", "b"]);
  door.leave(gate, "a");
  assert.deepEqual(door.inside, ["b", "c"]);
  door.leave(gate, "b");
  door.leave(gate, "c");
  assert.deepEqual(door.inside, ["d"]);
  assert.deepEqual(door.refused, []);
});

test("NW: a broker's limit is one of all its listeners, but for one between brokers; each has its own besides", () => {
  const door = new Door();
  door.broker.maxConnections = 2;
  const [clients, others] = [door.gate(), door.gate()];
  const internal = door.gate({ maxConnections: 1 }, true);
  door.arrive(clients, "a");
  door.arrive(others, "b");
  door.arrive(clients, "c");
  door.arrive(internal, "i");
  door.arrive(internal, "j");
  assert.deepEqual(door.inside, ["a", "b", "i"]);
  door.leave(internal, "i");
  assert.deepEqual(door.inside, ["a", "b", "j"], "a client's place is not the internal listener's");
  door.leave(internal, "j");
  door.leave(others, "b");
  assert.deepEqual(door.inside, ["a", "c"], "whichever listener the place becomes free on");
});

test("NW: one too many of its address is closed, and a place it gives up is another's", () => {
  const door = new Door();
  door.broker.maxFrom = (address) => (address === "many" ? 2 : 1);
  const gate = door.gate();
  door.arrive(gate, "a", "many");
  door.arrive(gate, "b", "many");
  door.arrive(gate, "c", "many");
  door.arrive(gate, "d", "one");
  door.arrive(gate, "e", "one");
  assert.deepEqual(door.inside, ["a", "b", "d"]);
  assert.deepEqual(door.refused, ["c", "e"]);
  door.leave(gate, "a", "many");
  door.arrive(gate, "f", "many");
  assert.deepEqual(door.inside, ["b", "d", "f"]);
});

test("NW: what comes faster than the rate waits, in its order, without another arriving", () => {
  const door = new Door();
  door.broker.connectionsPerSecond = 10;
  const gate = door.gate();
  for (let i = 0; i < 105; i++) door.arrive(gate, `${i}`);
  assert.equal(door.inside.length, 100);
  door.clock.advance(99);
  assert.equal(door.inside.length, 100);
  door.clock.advance(1);
  assert.equal(door.inside.length, 101);
  door.clock.advance(1000);
  assert.deepEqual(door.inside.slice(100), ["100", "101", "102", "103", "104"]);
});

test("NW: a listener's rate is its own, and the broker's does not hold for one between brokers", () => {
  const door = new Door();
  door.broker.connectionsPerSecond = 1;
  const slow = door.gate({ connectionsPerSecond: 0.1 });
  const internal = door.gate({}, true);
  for (let i = 0; i < 20; i++) door.arrive(internal, `i${i}`);
  assert.equal(door.inside.length, 20);
  door.arrive(slow, "s0");
  door.arrive(slow, "s1");
  assert.equal(door.inside.length, 21);
});

test("NW: of those too many under a lower limit the longest silent are closed, a listener between brokers aside; a higher one lets in who waits", () => {
  const door = new Door();
  const gate = door.gate();
  const internal = door.gate({}, true);
  door.arrive(internal, "i");
  for (const name of ["a", "b", "c"]) {
    door.clock.advance(1);
    door.arrive(gate, name);
  }
  door.touch("a");
  door.broker.maxConnections = 2;
  door.admission.limitsChanged();
  assert.deepEqual(door.inside, ["i", "a"]);
  door.arrive(gate, "d");
  assert.deepEqual(door.inside, ["i", "a"]);
  door.broker.maxConnections = 3;
  door.admission.limitsChanged();
  assert.deepEqual(door.inside, ["i", "a", "d"]);
});

test("NW: those who wait are bounded, and refused when the listener closes", () => {
  const door = new Door();
  door.broker.maxConnections = 0;
  const gate = door.gate();
  for (let i = 0; i <= MAX_WAITING; i++) door.arrive(gate, `${i}`);
  assert.deepEqual(door.refused, [`${MAX_WAITING}`]);
  gate.close();
  assert.equal(door.refused.length, MAX_WAITING + 1);
  door.broker.maxConnections = 10;
  door.admission.limitsChanged();
  door.arrive(gate, "late");
  assert.deepEqual(door.inside, []);
  assert.equal(door.refused.at(-1), "late");
});

test("NW: a connection that is closed as it comes in leaves its place to the next", () => {
  const door = new Door();
  door.broker.maxConnections = 1;
  const gate = door.gate();
  const entered: string[] = [];
  for (const name of ["a", "b", "c"]) {
    gate.arrive({
      address: "",
      enter: () => {
        entered.push(name);
        gate.leave("");
      },
      refuse: () => assert.fail(name),
    });
  }
  assert.deepEqual(entered, ["a", "b", "c"]);
  assert.equal(door.admission.count, 0);
});

/** An admission without limits, and what became of who came. */
class Door {
  readonly clock = new SimulatedClock();
  readonly broker = {
    maxConnections: Number.POSITIVE_INFINITY,
    connectionsPerSecond: Number.POSITIVE_INFINITY,
    maxFrom: (_address: string) => Number.POSITIVE_INFINITY,
  };
  readonly admission = new Admission(this.broker, { windowMs: 1000, windows: 11 }, this.clock);
  readonly refused: string[] = [];
  readonly #inside = new Map<string, { gate: Gate; lastActiveMs: number; close(): void }>();

  /** In the order in which they came. */
  get inside(): string[] {
    return [...this.#inside.keys()];
  }

  gate(limits: Partial<Door["broker"]> = {}, isProtected = false): Gate {
    const gate: Gate = this.admission.gate(
      {
        ...this.broker,
        maxConnections: Number.POSITIVE_INFINITY,
        connectionsPerSecond: Number.POSITIVE_INFINITY,
        ...limits,
      },
      isProtected,
      (): Iterable<Evictable> => [...this.#inside.values()].filter((one) => one.gate === gate),
    );
    return gate;
  }

  arrive(gate: Gate, name: string, address = name): void {
    gate.arrive({
      address,
      enter: () => {
        this.#inside.set(name, {
          gate,
          lastActiveMs: this.clock.monotonic(),
          close: () => this.leave(gate, name, address),
        });
      },
      refuse: () => this.refused.push(name),
    });
  }

  leave(gate: Gate, name: string, address = name): void {
    this.#inside.delete(name);
    gate.leave(address);
  }

  /** A request of the connection's arrives. */
  touch(name: string): void {
    this.#inside.get(name)!.lastActiveMs = this.clock.monotonic() + 1;
  }
}
