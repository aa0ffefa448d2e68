import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem, SimulatedClock } from "@ottla/platform";
import { appendOne, config, makeBatch, openEngine, topicId } from "./test-support.ts";

const id = topicId(1);

test("small groups are written on the event loop's thread while such writes are quick, large ones never", async () => {
  const clock = new SimulatedClock();
  const memory = new MemoryFileSystem();
  let tookMs = 0;
  const inline: boolean[] = [];
  const fileSystem = new Proxy(memory, {
    get: (target, name) => {
      if (name !== "open") return Reflect.get(target, name).bind(target);
      return async (path: string, options: Parameters<typeof memory.open>[1]) => {
        const handle = await target.open(path, options);
        if (!path.includes("journal-") || options.synchronous !== true) return handle;
        const write = handle.write.bind(handle);
        handle.write = (parts, position, isInline = false) => {
          inline.push(isInline);
          clock.advance(tookMs);
          return write(parts, position);
        };
        return handle;
      };
    },
  });
  await using engine = await openEngine({ fileSystem, clock });
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  const append = async (count: number, size = 10) => {
    inline.length = 0;
    for (let i = 0; i < count; i++) {
      await appendOne(engine, id, 0, makeBatch({ values: ["v".repeat(size)] }));
    }
    return inline.filter((isInline) => isInline).length;
  };
  assert.equal(await append(10), 0, "not known to be quick yet");
  await append(40);
  assert.equal(await append(5), 5);
  assert.equal(await append(5, 40_000), 0, "large groups");
  tookMs = 5;
  await append(1);
  tookMs = 0;
  assert.equal(await append(30), 0, "one was slow a short time ago");
  await append(60);
  assert.equal(await append(5), 5);
  tookMs = 1;
  await append(40);
  assert.equal(await append(20), 0, "a disk that is never quick");
});
