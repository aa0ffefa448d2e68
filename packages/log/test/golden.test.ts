/**
 * Yesterday's log must always open: `golden/` holds the directory of an engine that was killed (a checkpoint, segments, and a journal behind it), as
 * written by regenerate.ts beside it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { MemoryFileSystem, SimulatedClock } from "@ottla/platform";
import { appendOne, makeBatch, openEngine, readAll } from "../src/test-support.ts";
import { contents, id, topic } from "./golden/contents.ts";

interface Golden {
  readonly [path: string]: string;
}

/** The second has a key in its journal's groups and in its checkpoint. */
for (const version of ["v1", "v2"]) {
  test(`LG16: a log written by version ${version} opens with all it held`, async () => {
    const packed = readFileSync(new URL(`golden/killed-${version}.json.gz`, import.meta.url));
    const golden = JSON.parse(gunzipSync(packed).toString()) as Golden;
    const fileSystem = new MemoryFileSystem();
    for (const [path, bytes] of Object.entries(golden)) {
      await fileSystem.makeDirectory(path.slice(0, path.lastIndexOf("/")));
      await fileSystem.writeFileAtomic(path, Buffer.from(bytes, "base64"));
    }
    // A run that ends before its first checkpoint leaves groups of two versions in one journal.
    const killed = await openEngine({ fileSystem, clock: new SimulatedClock() });
    assert.equal(killed.leaderEpoch, 1);
    await using engine = await openEngine({ fileSystem, clock: new SimulatedClock() });
    engine.openTopic(topic);
    assert.equal(engine.leaderEpoch, 2);
    for (const partition of [0, 1]) {
      const found = await readAll(engine, id, partition);
      const expected = contents().filter((entry) => entry.partition === partition);
      assert.equal(found.length, expected.length);
      for (const [i, { value }] of expected.entries()) assert.ok(found[i]!.body.includes(value));
    }
    assert.equal(engine.describe(id, 1)!.logStartOffset, 0);
    const last = contents().filter(({ partition }) => partition === 0).length - 1;
    const repeated = await appendOne(
      engine,
      id,
      0,
      makeBatch({
        values: [contents().findLast(({ partition }) => partition === 0)!.value],
        producerId: 4,
        sequence: last,
      }),
    );
    assert.equal(repeated.baseOffset, last, "the producer is remembered");
  });
}
