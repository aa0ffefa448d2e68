import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { PersistentMap } from "./persistent-map.ts";

it("PersistentMap behaves as a map under any changes, and old versions stay as they were", () => {
  const change = fc.array(fc.tuple(fc.nat(60), fc.option(fc.nat(), { nil: undefined })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      let map = PersistentMap.empty<number, number>();
      const model = new Map<number, number>();
      const versions: [PersistentMap<number, number>, Map<number, number>][] = [];
      for (const entries of changes) {
        map = map.with(new Map(entries));
        for (const [key, value] of new Map(entries)) {
          if (value === undefined) {
            model.delete(key);
          } else {
            model.set(key, value);
          }
        }
        versions.push([map, new Map(model)]);
      }
      for (const [version, expected] of versions) {
        assert.equal(version.size, expected.size);
        assert.deepEqual(new Map(version.entries()), expected);
        for (let key = 0; key <= 60; key++) {
          assert.equal(version.get(key), expected.get(key));
        }
      }
    }),
  );
});

it("PersistentMap grows entry by entry without copying itself each time", () => {
  let map = PersistentMap.empty<number, number>();
  for (let i = 0; i < 20_000; i++) {
    map = map.with(new Map([[i, i]]));
  }
  assert.equal(map.size, 20_000);
  assert.equal([...map.values()].length, 20_000);
});
