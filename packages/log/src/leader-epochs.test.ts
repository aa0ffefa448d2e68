import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LeaderEpochs } from "./leader-epochs.ts";

const step = fc.record({
  kind: fc.constantFrom("assign", "truncate", "remove"),
  epoch: fc.integer({ min: 0, max: 8 }),
  offset: fc.integer({ min: 0, max: 40 }),
});

test("LG15: the newest epoch is that of the newest entry, whatever was assigned and forgotten", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const epochs = new LeaderEpochs([1, 0, 2, 10]);
      for (const { kind, epoch, offset } of steps) {
        if (kind === "assign") epochs.assign(epoch, offset);
        else if (kind === "truncate") epochs.truncateTo(offset);
        else epochs.removeBelow(offset);
        assert.equal(epochs.latest, epochs.entries.at(-2) ?? -1);
      }
    }),
  );
});
