import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster } from "../cluster.ts";
import { resolveOptions } from "../options.ts";
import { PartitionQueue } from "./partition-queue.ts";
import { SenderIdentity } from "./sender-identity.ts";

test("queues wait when one of them has used up the last epoch, old and new ones", () => {
  const cluster = new Cluster(resolveOptions({ bootstrapServers: "127.0.0.1:1" }));
  let wakes = 0;
  const sender = { fatal: null, fail: assert.ifError, wake: () => wakes++ };
  const identity = new SenderIdentity(cluster, true, null, sender, new AbortController().signal);
  const used = new PartitionQueue("t", 0);
  used.startEpoch(7, 0x7fff);
  used.needsNewEpoch = true;
  assert.equal(identity.prepare(used), false);
  assert.equal(identity.prepare(new PartitionQueue("t", 1)), false);
  assert.equal(wakes, 1);
});
