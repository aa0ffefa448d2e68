import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem, SeededRandom } from "@ottla/platform";
import { recompressBatch } from "@ottla/protocol";
import { appendOne, config, makeBatch, openEngine, readAll, topicId } from "./test-support.ts";

const id = topicId(1);
const FAR = 2 ** 52;
const TIMES = [-1, 0, 1, -5, -FAR, FAR, FAR - 1, 2 ** 40, 2 ** 41, 5_000, 5_001];
const LATEST_TIME = -3;
const ASKED = [0, 1, 2, 5_000, 5_001, 2 ** 40, 2 ** 41 + 1, FAR - 1, FAR, 2 ** 63, LATEST_TIME];

for (let seed = 1; seed <= 40; seed++) {
  test(`LG11: offsets by time, with extreme times and restarts (${seed})`, async () => {
    const random = new SeededRandom(seed);
    const fileSystem = new MemoryFileSystem();
    const settings = {
      ...config,
      timestampAfterMaxMs: Infinity,
      retentionMs: Infinity,
      indexIntervalBytes: random.integer(2) * 300,
      segmentBytes: 500 + random.integer(3000),
      segmentMs: random.integer(2) === 0 ? Infinity : 1 + random.integer(2 ** 42),
    };
    const options = {
      fileSystem,
      tailBytes: random.integer(2) === 0 ? 1 : 1_048_576,
      checkpointBytes: 4096,
    };
    let engine = await openEngine(options);
    engine.openTopic({ topicId: id, name: "t", partitions: 1, config: settings });
    const times: number[] = [];
    for (let i = 0; i < 120; i++) {
      const count = 1 + random.integer(4);
      const timestamps = Array.from(
        { length: count },
        () => TIMES[random.integer(random.integer(2) ? 3 : TIMES.length)]!,
      );
      let batch = makeBatch({
        values: timestamps.map(() => "x".repeat(random.integer(80))),
        timestamps,
        ...(random.integer(3) === 0 ? { producerId: i } : {}),
      });
      if (random.integer(2) === 0) batch = recompressBatch(batch, 0, "lz4");
      const result = await appendOne(engine, id, 0, batch);
      assert.equal(result.error, null, result.errorMessage ?? "");
      times.push(...timestamps);
      if (random.integer(25) === 0) {
        await engine.close();
        engine = await openEngine(options);
        engine.openTopic({ topicId: id, name: "t", partitions: 1, config: settings });
      }
      if (random.integer(10) > 0) continue;
      for (const timestampMs of ASKED) {
        const [found] = await engine.listOffsets([
          {
            topicId: id,
            partition: 0,
            timestampMs,
            currentLeaderEpoch: -1,
            isolation: "uncommitted",
          },
        ]);
        const wanted = offsetOf(times, timestampMs);
        assert.equal(found!.error, null);
        assert.equal(found!.offset, wanted, `time ${timestampMs}`);
      }
    }
    assert.equal((await readAll(engine, id, 0)).length, 120);
    await engine.maintain();
    await engine.close();
  });
}

/** What there is to find, by looking at each. */
function offsetOf(times: readonly number[], timestampMs: number): number {
  if (timestampMs !== LATEST_TIME) return times.findIndex((time) => time >= timestampMs);
  const latest = Math.max(...times);
  return latest < 0 ? -1 : times.indexOf(latest);
}
