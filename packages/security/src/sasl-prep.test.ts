import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvalidCredentialsError } from "./errors.ts";
import { saslPrep } from "./sasl-prep.ts";

test("the examples of RFC 4013, section 3", () => {
  assert.equal(saslPrep("I\u00adX"), "IX");
  assert.equal(saslPrep("user"), "user");
  assert.equal(saslPrep("USER"), "USER");
  assert.equal(saslPrep("\u00aa"), "a");
  assert.equal(saslPrep("\u2168"), "IX");
  assert.throws(() => saslPrep("\u0007"), InvalidCredentialsError);
  assert.throws(() => saslPrep("\u0627\u0031"), InvalidCredentialsError);
});

test("spaces become one kind, and text from right to left stays as it is unless it is mixed", () => {
  assert.equal(saslPrep("a\u00a0b\u3000c"), "a b c");
  assert.equal(saslPrep("\u05d0\u05d1 1 \u05d2"), "\u05d0\u05d1 1 \u05d2");
  assert.throws(() => saslPrep("\u05d0a\u05d1"), InvalidCredentialsError);
  assert.equal(saslPrep(""), "");
});

test("controls, private use, surrogates, tags and noncharacters are refused without being repeated", () => {
  for (const bad of ["a\u007f", "\ue000", "\ud800", "\u{e0041}", "\ufdd0", "\u{1fffe}", "\u200e"]) {
    assert.throws(
      () => saslPrep(`secret${bad}`),
      (error: unknown) =>
        error instanceof InvalidCredentialsError && !error.message.includes("secret"),
    );
  }
});

test("printable ASCII is left alone, and what is prepared stays the same when prepared again", () => {
  const ascii = fc.string({
    unit: fc.integer({ min: 32, max: 126 }).map((c) => String.fromCharCode(c)),
  });
  fc.assert(fc.property(ascii, (text) => saslPrep(text) === text));
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      let once: string;
      try {
        once = saslPrep(text);
      } catch (error) {
        assert.ok(error instanceof InvalidCredentialsError);
        return;
      }
      assert.equal(saslPrep(once), once);
    }),
  );
});
