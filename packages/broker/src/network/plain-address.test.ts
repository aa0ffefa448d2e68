import assert from "node:assert/strict";
import { test } from "node:test";
import { plainAddress } from "./plain-address.ts";

test("NW: an address has one spelling", () => {
  assert.equal(plainAddress("::ffff:10.0.0.1"), "10.0.0.1");
  assert.equal(plainAddress("10.0.0.1"), "10.0.0.1");
  assert.equal(plainAddress("0:0:0:0:0:0:0:1"), "::1");
  assert.equal(plainAddress(""), "");
});
