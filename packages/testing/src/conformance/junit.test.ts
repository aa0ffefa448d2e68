import assert from "node:assert/strict";
import { test } from "node:test";
import { junitResult } from "./junit.ts";

test("a JUnit report is read into passed, skipped and failed cases with their reasons", () => {
  const report = `<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="4">
    <testcase classname="test.a" name="one" time="0.1"/>
    <testcase classname="test.a" name="two[&lt;x&gt;]" time="0.1"><system-out>noise</system-out></testcase>
    <testcase classname="test.a" name="three" time="0.1"><failure message="expected 1&#10;got 2">long</failure></testcase>
    <testcase classname="test.a" name="four" time="0.1"><error message="no fixture">long</error></testcase>
    <testcase classname="test.a" name="five" time="0.1"><skipped type="pytest.skip" message="not here"/></testcase>
  </testsuite></testsuites>`;
  assert.deepEqual(junitResult(report), {
    passed: ["test.a.one", "test.a.two[<x>]"],
    skipped: [{ name: "test.a.five", reason: "not here" }],
    failed: [
      { name: "test.a.three", reason: "expected 1" },
      { name: "test.a.four", reason: "no fixture" },
    ],
  });
});
