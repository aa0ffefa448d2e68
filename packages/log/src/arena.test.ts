import assert from "node:assert/strict";
import { test } from "node:test";
import { Arena, GATHERED_PIECES } from "./arena.ts";

test("an arena ends below 4 GiB and is smaller where so much is not to be had", () => {
  const arena = new Arena(2 ** 33, 65_536);
  assert.ok(arena.buffer.byteLength < 2 ** 32);
  const [first, second] = [arena.take(5000), arena.take(5000)];
  assert.equal(first % 4096, 0);
  assert.equal(second - first, 8192);
  assert.equal(arena.take(2 ** 33), -1);
});

test("pieces are gathered one behind the other, as many as the list takes", () => {
  const arena = new Arena(1_048_576, 0);
  const bytes = Buffer.from(arena.buffer);
  const source = arena.take(4096);
  const target = arena.take(1_000_000);
  bytes.write("abcdefgh", source, "latin1");
  for (let piece = 1; piece <= GATHERED_PIECES; piece++) {
    const hasRoom = arena.addPiece(source + (piece % 6), 3);
    assert.equal(hasRoom, piece < GATHERED_PIECES);
  }
  assert.equal(arena.gather(target), target + 3 * GATHERED_PIECES);
  assert.equal(bytes.toString("latin1", target, target + 18), "bcdcdedefefgfghabc");
  arena.addPiece(source, 8);
  assert.equal(arena.gather(target), target + 8);
  assert.equal(bytes.toString("latin1", target, target + 8), "abcdefgh");
});
