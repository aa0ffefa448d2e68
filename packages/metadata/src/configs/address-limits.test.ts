import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddressLimits } from "./address-limits.ts";
import { BrokerConfig } from "./broker-config.ts";

const NAME = "max.connections.per.ip.overrides";
const resolve = (text: string) => BrokerConfig.resolve({ layers: [new Map([[NAME, text]])] });

test("NW: limits of addresses and hosts, of which an IPv6 address has colons too", () => {
  const text = "10.0.0.1:5, host.example:10 ,::1:0,,10.0.0.1:6";
  assert.deepEqual(
    [...parseAddressLimits(resolve(text).string(NAME))],
    [
      ["10.0.0.1", 6],
      ["host.example", 10],
      ["::1", 0],
    ],
  );
  assert.equal(parseAddressLimits("").size, 0);
});

test("NW: what is no limit of an address stops a start", () => {
  for (const text of [
    "10.0.0.1",
    ":5",
    "10.0.0.1:",
    "10.0.0.1:x",
    "10.0.0.1:-1",
    "a b:5",
    "h:2147483648",
  ]) {
    assert.throws(() => resolve(text), { name: "InvalidConfig" }, text);
  }
});
