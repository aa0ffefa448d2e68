import assert from "node:assert/strict";
import { test } from "node:test";
import { durationMs, InvalidValue, instant, integer, list, oneOf, pair } from "./value.ts";

const isInvalid = (message: RegExp) => (error: unknown) =>
  error instanceof InvalidValue && message.test(error.message);

test("whole numbers keep to their range and to what a number can hold exactly", () => {
  const port = integer({ min: 0, max: 65_535 });
  assert.equal(port("0"), 0);
  assert.equal(port("65535"), 65_535);
  assert.equal(integer()("-10"), -10);
  assert.equal(integer()("+10"), 10);
  for (const raw of ["", " ", "1.5", "1e3", "0x10", "ten", "9007199254740993"]) {
    assert.throws(() => port(raw), isInvalid(/takes a whole number/), raw);
  }
  assert.throws(() => port("65536"), isInvalid(/between 0 and 65535, not 65536/));
  assert.throws(() => integer({ min: 1 })("0"), isInvalid(/at least 1, not 0/));
});

test("a choice names what there is to choose from", () => {
  const format = oneOf("text", "json");
  assert.equal(format("json"), "json");
  assert.throws(() => format("xml"), isInvalid(/one of text, json, not "xml"/));
});

test("a pair ends its key at the first equals sign", () => {
  assert.deepEqual(pair("a=b"), ["a", "b"]);
  assert.deepEqual(pair("a=b=c"), ["a", "b=c"]);
  assert.deepEqual(pair("a="), ["a", ""]);
  for (const raw of ["a", "=b", ""]) assert.throws(() => pair(raw), isInvalid(/key=value/), raw);
});

test("a list is split at commas and each item is read", () => {
  assert.deepEqual(list(integer())("0, 2,5"), [0, 2, 5]);
  assert.throws(() => list(integer())("0,,2"), isInvalid(/whole number/));
});

test("times are ISO 8601, local unless they say otherwise, or milliseconds", () => {
  const utc = Date.UTC(2026, 0, 31, 10, 0, 0);
  assert.equal(instant("2026-01-31T10:00:00Z"), utc);
  assert.equal(instant("2026-01-31T10:00:00.250Z"), utc + 250);
  assert.equal(instant("2026-01-31T12:00:00+02:00"), utc);
  assert.equal(instant("2026-01-31T10:00"), new Date(2026, 0, 31, 10).getTime());
  assert.equal(instant("2026-01-31"), new Date(2026, 0, 31).getTime());
  assert.equal(instant(`@${utc}`), utc);
  for (const raw of ["yesterday", "31.1.2026", "2026-13-01T00:00:00Z", "1769853600000", "@x"]) {
    assert.throws(() => instant(raw), isInvalid(/takes a time/), raw);
  }
});

test("durations are ISO 8601 or shorter", () => {
  assert.equal(durationMs("PT90M"), 5_400_000);
  assert.equal(durationMs("P1DT2H3M4.5S"), 93_784_500);
  assert.equal(durationMs("P2W"), 1_209_600_000);
  assert.equal(durationMs("1d12h"), 129_600_000);
  assert.equal(durationMs("45s"), 45_000);
  assert.equal(durationMs("PT0S"), 0);
  for (const raw of ["", "P", "PT", "90", "1h1d", "-PT1H", "1 h", "P1M"]) {
    assert.throws(() => durationMs(raw), isInvalid(/takes a duration/), raw);
  }
});
