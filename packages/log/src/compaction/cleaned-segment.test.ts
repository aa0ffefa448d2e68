import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "@ottla/platform";
import { BatchBuilder, stampBaseOffset } from "@ottla/protocol";
import { Segment } from "../segment.ts";
import { CleanedSegment } from "./cleaned-segment.ts";

test("LG13: batches of any size follow each other in the file, though small ones wait for others", async () => {
  const fileSystem = new MemoryFileSystem();
  const segment = Segment.empty(0, 1_000, 0);
  const cleaned = new CleanedSegment(segment, fileSystem, (ending) => ending, 4096);
  await cleaned.open();
  const all: Buffer[] = [];
  for (const [offset, valueBytes] of [10, 200_000, 300_000, 5, 100_000, 161_000, 900].entries()) {
    const builder = new BatchBuilder();
    builder.append(1_000, "key", Buffer.alloc(valueBytes, offset));
    const batch = Buffer.from(builder.build());
    stampBaseOffset(batch, 0, offset);
    all.push(Buffer.from(batch));
    await cleaned.append([batch]);
    // The bytes were lent.
    batch.fill(0xff);
  }
  await cleaned.finish([]);
  const written = await fileSystem.readFile("log");
  assert.ok(written!.equals(Buffer.concat(all)));
  assert.equal(segment.sizeBytes, written!.length);
});
