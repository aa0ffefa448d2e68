/** Settings at the end of their range: what is above 2^53 comes as Infinity (metadata's topic-config.ts). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordCursor } from "@ottla/protocol";
import { readRequest } from "../test-support.ts";
import { compacted, id, Setup, visit } from "./cleaner-setup.ts";

for (const deleteRetentionMs of [2 ** 40, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
  test(`LG13: with delete.retention.ms of ${deleteRetentionMs} tombstones stay, and timestamps are as they were`, async () => {
    const setup = await new Setup().open({ ...compacted, deleteRetentionMs });
    await setup.put("a", "1");
    await setup.put("a", null, { timestampMs: 5_000 });
    await setup.put("x", "1");
    await setup.put("x", "2");
    await setup.engine.maintain();
    assert.deepEqual(setup.uncleanable, []);
    assert.deepEqual(await setup.read(), ["1:a=null", "2:x=1", "3:x=2"]);
    setup.clock.advance(1e12);
    await setup.put("x", "3");
    await setup.put("x", "4");
    await setup.engine.maintain();
    assert.deepEqual(setup.uncleanable, []);
    assert.deepEqual(await setup.read(), ["1:a=null", "4:x=3", "5:x=4"]);
    const [result] = await setup.engine.read(readRequest(id, 0, 0));
    const timestamps: number[] = [];
    visit(result!, (batch) => {
      const cursor = new RecordCursor();
      cursor.start(batch, 0);
      while (cursor.next()) timestamps.push(cursor.timestampMs);
    });
    assert.equal(timestamps[0], 5_000);
    await setup.engine.close();
  });
}
