import assert from "node:assert/strict";
import { test } from "node:test";
import { murmur2, partitionForKey } from "./murmur2.ts";

/** Key, hash, partition of 12, partition of 50: printed by `Utils.murmur2` and `Utils.toPositive` of kafka-clients 4.3.1. */
const golden: readonly (readonly [string, number, number, number])[] = [
  ["", 275646681, 9, 31],
  ["a", -1563381124, 4, 24],
  ["ab", 316155434, 2, 34],
  ["abc", 479470107, 3, 7],
  ["abcd", -1323649548, 8, 0],
  ["21", -973932308, 0, 40],
  ["foobar", -790332482, 6, 16],
  ["a-little-bit-long-string", -985981536, 8, 12],
  ["a-little-bit-longer-string", -1486304829, 11, 19],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971, 5, 27],
  ["order-1", 1221710326, 10, 26],
  ["order-2", -1055499005, 3, 43],
  ["order-1000000", 569167999, 7, 49],
  ["customer:42", -674319663, 5, 35],
  ["\u00fc\u00df\u20ac", 1555320969, 9, 19],
  ["\ud83d\ude00", 131881617, 9, 17],
  ["key with spaces", 1291295160, 0, 10],
  ["0", 971027396, 8, 46],
  ["-1", 1531782027, 3, 27],
  ["9223372036854775807", -1221667907, 9, 41],
];

test("murmur2 and the partition of a key equal Java's for every key of the golden table", () => {
  for (const [key, hash, of12, of50] of golden) {
    const bytes = Buffer.from(key);
    assert.equal(murmur2(bytes), hash, key);
    assert.equal(partitionForKey(bytes, 12), of12, key);
    assert.equal(partitionForKey(bytes, 50), of50, key);
  }
});

test("murmur2 equals Java's over all byte values and tail lengths", () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const hashes = [253, 254, 255, 256].map((end) => murmur2(all, 0, end));
  assert.deepEqual(hashes, [-996188436, 1651449572, 1542706800, -1948347274]);
});

test("murmur2 of a range inside a larger buffer equals that of the bytes alone", () => {
  const padded = Buffer.from("xxorder-1yy");
  assert.equal(murmur2(padded, 2, 9), 1221710326);
});
