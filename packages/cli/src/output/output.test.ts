import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { RecordedOutput } from "../testing-context.ts";
import { Progress } from "./progress.ts";
import { fields, table } from "./table.ts";
import { bytes, count, counted, duration, instantText } from "./units.ts";

test("columns are as wide as their widest cell, numbers are flush right, nothing is a dash", () => {
  const text = table(
    [
      { title: "topic", cell: (row) => row.topic },
      { title: "end", align: "right", cell: (row) => row.end },
      { title: "member", cell: (row) => row.member },
    ],
    [
      { topic: "orders", end: 5, member: null },
      { topic: "a", end: 12_345, member: "m" },
    ],
  );
  assert.deepEqual(text.split("\n"), [
    "TOPIC     END  MEMBER",
    "orders      5  -",
    "a       12345  m",
    "",
  ]);
});

test("fields stand below each other", () => {
  assert.equal(
    fields([
      ["Topic", "a"],
      ["In sync", 3],
    ]),
    "Topic:   a\nIn sync: 3\n",
  );
});

test("numbers read well at every size", () => {
  assert.equal(count(999), "999");
  assert.equal(count(1_234_567), "1,234,567");
  assert.equal(counted(1, "record"), "1 record");
  assert.equal(counted(2_000, "record"), "2,000 records");
  assert.equal(bytes(0), "0 B");
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(1_000), "1.0 kB");
  assert.equal(bytes(99_960), "100 kB");
  assert.equal(bytes(999_999), "1.0 MB");
  assert.equal(bytes(5e18), "5000 PB");
  assert.equal(duration(999), "999 ms");
  assert.equal(duration(1_000), "1.0 s");
  assert.equal(instantText(0), "1970-01-01T00:00:00.000Z");
  assert.equal(instantText(-1), "-");
});

test("on a terminal progress is one line, drawn a few times a second and taken away at the end", () => {
  const clock = new SimulatedClock();
  const output = new RecordedOutput(true);
  const progress = new Progress(output, clock, true);
  progress.add(10, 1_000);
  assert.equal(output.text, "");
  clock.advance(500);
  progress.add(990, 99_000);
  assert.equal(output.text, "\r\u001b[2K1,000 records, 100 kB, 2,000 records/s");
  progress.end();
  progress.end();
  assert.equal(output.text, "\r\u001b[2K1,000 records, 100 kB, 2,000 records/s\r\u001b[2K");
  clock.advance(500);
  assert.equal(progress.summary(), "1,000 records, 100 kB in 1.0 s (1,000 records/s, 100 kB/s)");
});

test("elsewhere progress is a plain line now and then", () => {
  const clock = new SimulatedClock();
  const output = new RecordedOutput(false);
  const progress = new Progress(output, clock, true);
  clock.advance(9_999);
  progress.add(100, 100);
  assert.equal(output.text, "");
  clock.advance(1);
  progress.add(100, 100);
  assert.equal(output.text, "200 records, 200 B, 20 records/s\n");
  progress.end();
  assert.equal(output.text, "200 records, 200 B, 20 records/s\n");
});

test("progress that is not shown still counts", () => {
  const clock = new SimulatedClock();
  const output = new RecordedOutput(true);
  const progress = new Progress(output, clock, false);
  clock.advance(60_000);
  progress.add(1, 5);
  progress.end();
  assert.equal(output.text, "");
  assert.equal(progress.summary(), "1 record, 5 B in 60.0 s");
});

test("the lag is part of the line once it is known", () => {
  const clock = new SimulatedClock();
  const output = new RecordedOutput(false);
  const progress = new Progress(output, clock, true);
  let lag: number | null = null;
  progress.lag = () => lag;
  clock.advance(10_000);
  progress.add(1_000, 10_000);
  lag = 12_345;
  clock.advance(10_000);
  progress.add(2_000, 10_000);
  assert.equal(
    output.text,
    "1,000 records, 10.0 kB, 100 records/s\n3,000 records, 20.0 kB, 200 records/s, lag 12,345\n",
  );
});
