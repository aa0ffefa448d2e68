import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { type FileSystem, MemoryFileSystem, NodeFileSystem } from "@ottla/platform";
import { BatchBuilder, batchSize } from "@ottla/protocol";
import { LEAST_PIECE_BYTES, readBatches, SLICE_BYTES } from "./batch-source.ts";
import { PieceMemory } from "./piece-memory.ts";

function makeBatch(valueBytes: number): Buffer {
  const builder = new BatchBuilder();
  builder.append(1_000, "key", Buffer.alloc(valueBytes, valueBytes));
  return Buffer.from(builder.build());
}

async function write(fileSystem: FileSystem, name: string, bytes: Buffer): Promise<void> {
  const file = await fileSystem.open(name, { access: "write", create: true });
  await file.write([bytes], 0);
  await file.close();
}

test("LG13: batches of any size and place are read as they are, with valid checksums", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "batches-"));
  try {
    const memory = new PieceMemory(LEAST_PIECE_BYTES);
    const batches: Buffer[] = [];
    for (let i = 0; i < 300; i++) batches.push(makeBatch((i * i * 7) % 5_000));
    batches.splice(100, 0, makeBatch(40_000), makeBatch(8_000), makeBatch(100_000));
    const log = Buffer.concat(batches);
    for (const fileSystem of [new NodeFileSystem(), new MemoryFileSystem()]) {
      const name = path.join(folder, "log");
      await fileSystem.makeDirectory(folder);
      // What lies behind the segment's size is none of its bytes.
      await write(fileSystem, name, Buffer.concat([log, Buffer.alloc(5_000)]));
      const source = { fileSystem, path: name, sizeBytes: log.length, pieces: memory.pieces };
      const found: Buffer[] = [];
      await readBatches(source, async (some) => {
        for (let at = 0; at < some.length; at += batchSize(some, at)) {
          assert.ok(memory.isCrcValid(some, at));
        }
        found.push(Buffer.from(some));
        return true;
      });
      assert.ok(Buffer.concat(found).equals(log));
      await assert.rejects(
        readBatches({ ...source, sizeBytes: log.length - 1 }, async () => true),
        /the last batch is incomplete/,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("LG13: a damaged byte is found wherever the batch lies", () => {
  const memory = new PieceMemory(LEAST_PIECE_BYTES);
  const batch = makeBatch(3_000);
  for (const piece of [...memory.pieces, Buffer.alloc(LEAST_PIECE_BYTES)]) {
    batch.copy(piece, 500);
    assert.equal(memory.isCrcValid(piece, 500), true);
    piece[3_400]! ^= 1;
    assert.equal(memory.isCrcValid(piece, 500), false);
  }
});

test("LG13: others have the event loop between slices of a piece", async () => {
  const fileSystem = new MemoryFileSystem();
  const batch = makeBatch(60_000);
  const log = Buffer.concat([batch, batch, batch, batch, batch]);
  await write(fileSystem, "log", log);
  const { pieces } = new PieceMemory(524_288);
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const source = { fileSystem, path: "log", sizeBytes: log.length, pieces };
  let last = -1;
  await readBatches(source, async (some) => {
    assert.ok(some.length <= SLICE_BYTES);
    assert.ok(turns > last, "a turn between two slices");
    last = turns;
    return true;
  });
  isOver = true;
  assert.equal(last > 0, true);
});

test("LG13: a read that fails while the piece before is worked on ends the walk behind it", async () => {
  const fileSystem = new MemoryFileSystem();
  const batch = makeBatch(5_000);
  await write(fileSystem, "log", batch);
  const { pieces } = new PieceMemory(LEAST_PIECE_BYTES);
  const source = { fileSystem, path: "log", sizeBytes: 2 * batch.length, pieces };
  let taken = 0;
  const take = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    taken++;
    return true;
  };
  await assert.rejects(readBatches(source, take), /the file is too short/);
  assert.equal(taken, 0);
  await write(fileSystem, "log", Buffer.concat([batch, batch]));
  const longer = { ...source, sizeBytes: 4 * batch.length };
  await assert.rejects(readBatches(longer, take), /the file is too short/);
  assert.equal(taken, 1);
});
