import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePartition, encodePartition } from "./checkpoint-format.ts";
import { PartitionLog, Topic } from "./partition-log.ts";
import { Segment } from "./segment.ts";
import { config, topicId } from "./test-support.ts";

test("LG11: a checkpoint knows the greatest timestamp of what is in the file, not of what is staged", () => {
  const topic = new Topic(topicId(1), "t", 1, 1, config);
  const log = new PartitionLog(topic, 0);
  const segment = Segment.empty(0, 0, 0);
  log.addSegment(segment);
  segment.append(0, 100, 50, 4096);
  segment.append(1, 100, 40, 4096);
  segment.markWritten(200, 50, 0);
  log.writtenOffset = 2;
  segment.append(2, 100, 60, 4096);
  log.logEnd = 3;
  const decode = () => {
    const decoded = new PartitionLog(topic, 0);
    decodePartition(encodePartition(log), decoded, () => 0);
    return [decoded.active.maxTimestamp, decoded.active.maxTimestampOffset];
  };
  assert.deepEqual(decode(), [50, 0]);
  segment.markWritten(300, 60, 2);
  log.writtenOffset = 3;
  assert.deepEqual(decode(), [60, 2]);
});

test("LG12: a checkpoint describes segments whose files are still to be removed, and readers do not see them", () => {
  const topic = new Topic(topicId(1), "t", 1, 1, config);
  const log = new PartitionLog(topic, 0);
  for (const base of [0, 5, 9]) log.addSegment(Segment.empty(base, 0, 0));
  log.logEnd = log.writtenOffset = 10;
  log.logStart = log.durableStart = 9;
  log.takeRemovable();
  const decoded = new PartitionLog(topic, 0);
  decodePartition(encodePartition(log), decoded, () => 0);
  const basesOf = (segments: readonly Segment[]) => segments.map(({ baseOffset }) => baseOffset);
  assert.deepEqual(basesOf(decoded.removing), [0, 5]);
  assert.deepEqual(basesOf(decoded.segments), [9]);
});
