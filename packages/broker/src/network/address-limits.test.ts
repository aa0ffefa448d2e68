import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressLimits } from "./address-limits.ts";

test("NW: limits of addresses hold at once, those of a host for all its addresses when it is resolved", async () => {
  const limits = new AddressLimits(async () => ["10.0.0.2", "0:0:0:0:0:0:0:2"]);
  const set = limits.set(
    new Map([
      ["10.0.0.1", 1],
      ["::ffff:10.0.0.9", 9],
      ["host", 2],
    ]),
  );
  assert.equal(limits.of("10.0.0.1"), 1);
  assert.equal(limits.of("10.0.0.9"), 9);
  assert.equal(limits.of("10.0.0.2"), null);
  await set;
  assert.equal(limits.of("10.0.0.2"), 2);
  assert.equal(limits.of("::2"), 2);
  assert.equal(limits.of("10.0.0.3"), null);
});

test("NW: a host that nobody knows is told, and all others hold", async () => {
  const limits = new AddressLimits(async (host) => {
    if (host === "unknown") throw new Error("no such host");
    return ["10.0.0.2"];
  });
  const hosts = new Map([
    ["unknown", 1],
    ["known", 2],
  ]);
  await assert.rejects(limits.set(hosts), /no such host/);
  assert.equal(limits.of("10.0.0.2"), 2);
});

test("NW: what is resolved for limits that were replaced meanwhile does not count", async () => {
  let answer: (addresses: string[]) => void = () => {};
  const limits = new AddressLimits(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const first = limits.set(new Map([["host", 1]]));
  await limits.set(new Map([["10.0.0.1", 5]]));
  answer(["10.0.0.1"]);
  await first;
  assert.equal(limits.of("10.0.0.1"), 5);
});
