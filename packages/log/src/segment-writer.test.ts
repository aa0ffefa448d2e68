import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FileSystemError,
  MemoryFileSystem,
  SeededRandom,
  SimulatedClock,
  SimulatedFileSystem,
} from "@ottla/platform";
import { FileCache } from "./file-cache.ts";
import { LastBlocks } from "./last-blocks.ts";
import { Segment } from "./segment.ts";
import { appendOne, config, makeBatch, openEngine, readAll, topicId } from "./test-support.ts";

const id = topicId(1);
const log = "/data/t-0/00000000000000000000.log";

test("a segment that is being written may end in padding; at rest it has none", async () => {
  const fileSystem = new SimulatedFileSystem({ random: new SeededRandom(1) });
  const clock = new SimulatedClock();
  await using engine = await openEngine({ fileSystem, clock });
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  const batch = makeBatch({ values: ["v".repeat(9000)] });
  const sizes: number[] = [];
  for (let i = 0; i < 100; i++) {
    await appendOne(engine, id, 0, Buffer.from(batch));
    sizes.push((await fileSystem.readFile(log))?.length ?? 0);
  }
  assert.ok(
    sizes.some((size) => size > 0 && size % batch.length !== 0 && size % 4096 === 0),
    "the journal filled up and a checkpoint left padding",
  );
  await clock.advanceAsync(30_000);
  const sizeAtRest = 100 * batch.length;
  for (let i = 0; i < 100 && (await fileSystem.readFile(log))?.length !== sizeAtRest; i++)
    await clock.advanceAsync(1);
  assert.equal((await fileSystem.readFile(log))?.length, sizeAtRest);
  assert.equal((await readAll(engine, id, 0)).length, 100);
});

test("the last block of a segment is known until many others have been written", () => {
  const blocks = new LastBlocks();
  const make = () => Segment.empty(0, 0, 0);
  const segment = make();
  blocks.keep(segment, 8192, Buffer.from("beginning"));
  const target = Buffer.alloc(5);
  assert.equal(blocks.copy(segment, 4096, target), false, "another block");
  assert.equal(blocks.copy(make(), 8192, target), false, "another segment");
  assert.equal(blocks.copy(segment, 8192, target), true);
  assert.equal(target.toString(), "begin");
  blocks.keep(segment, 12_288, Buffer.from("later"));
  assert.equal(blocks.copy(segment, 8192, target), false);
  assert.equal(blocks.size, 1);
  for (let i = 0; i < 2048; i++) blocks.keep(make(), 0, target);
  assert.equal(blocks.size, 2048);
  assert.equal(blocks.copy(segment, 12_288, target), false);
});

test("when the operating system refuses to open another file, others are closed", async () => {
  const memory = new MemoryFileSystem();
  let open = 0;
  let most = 0;
  const limited = new Proxy(memory, {
    get: (target, name) => {
      if (name !== "open") return Reflect.get(target, name).bind(target);
      return async (path: string, options: Parameters<typeof memory.open>[1]) => {
        if (open === 20) throw new FileSystemError("too-many-open", path);
        const handle = await target.open(path, options);
        open++;
        most = Math.max(most, open);
        const { close } = handle;
        handle.close = () => {
          open--;
          return close.call(handle);
        };
        return handle;
      };
    },
  });
  const cache = new FileCache(limited, 1000, { access: "write", create: true });
  for (let i = 0; i < 100; i++) {
    await cache.use(`/${i % 30}`, (handle) => handle.write([Buffer.from([i])], 0));
  }
  assert.equal(most, 20);
  assert.equal((await memory.readFile("/9"))?.[0], 99);
  await cache.close();
  assert.equal(open, 0);
});
