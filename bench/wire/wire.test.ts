import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameReader } from "../driver/frames.ts";
import { median, number } from "../report.ts";
import { batchCrcFrom, crc32c, encodeBatch } from "./batch.ts";
import { ByteReader, ByteWriter, readInt64, writeInt64 } from "./bytes.ts";

test("crc32c of the check string is the published one", () => {
  assert.equal(crc32c(Buffer.from("123456789"), 0, 9), 0xe3069283);
});

test("a batch states its own size, count and checksum", () => {
  const batch = encodeBatch({ records: 16, valueBytes: 1024, timestampMs: 1 });
  assert.equal(batch.readInt32BE(8), batch.length - 12);
  assert.equal(batch.readInt32BE(57), 16);
  assert.equal(batch.readUInt32BE(17), crc32c(batch, batchCrcFrom, batch.length));
});

test("what is written is read back, across the growth of the buffer", () => {
  const long = "x".repeat(3000);
  const bytes = new ByteWriter()
    .int64(2 ** 40 + 5)
    .string(long)
    .string(null)
    .int16(-2)
    .toBuffer();
  const reader = new ByteReader(bytes);
  assert.equal(reader.int64(), 2 ** 40 + 5);
  assert.equal(reader.string(), long);
  assert.equal(reader.string(), null);
  assert.equal(reader.int16(), -2);
});

test("int64 as a number keeps −1 and large values", () => {
  const buffer = Buffer.alloc(8, 0xff);
  assert.equal(readInt64(buffer, 0), -1);
  writeInt64(buffer, 2 ** 52 + 3, 0);
  assert.equal(readInt64(buffer, 0), 2 ** 52 + 3);
});

test("varints are zigzag, seven bits a byte", () => {
  assert.deepEqual(
    [...new ByteWriter().varint(-1).varint(64).varint(1030).toBuffer()],
    [...[1, 0x80, 1, 0x8c, 0x10]],
  );
});

test("frames are cut the same however the bytes arrive", () => {
  const stream = Buffer.from("00000002aabb00000001cc0000000411223344", "hex");
  for (let cut = 1; cut < stream.length; cut++) {
    const frames: string[] = [];
    const reader = new FrameReader((buffer, start, bytes) =>
      frames.push(buffer.toString("hex", start + 4, start + bytes)),
    );
    reader.push(stream.subarray(0, cut), cut);
    reader.push(stream.subarray(cut), stream.length - cut);
    assert.deepEqual(frames, ["aabb", "cc", "11223344"]);
  }
});

test("medians and numbers as the report prints them", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(number(1234.5), "1,235");
  assert.equal(number(0.123456), "0.123");
});
