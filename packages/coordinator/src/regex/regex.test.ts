import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Regex } from "./regex.ts";
import { InvalidRegex } from "./syntax.ts";

/** Pattern, texts that match as a whole, texts that do not. */
const CASES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["", [""], ["a"]],
  ["abc", ["abc"], ["ab", "abcd", "xabc", ""]],
  ["a.c", ["abc", "a€c", "a😀c"], ["a\nc", "ac"]],
  ["(?s)a.c", ["a\nc"], ["ac"]],
  ["app-(1|2)\\d*", ["app-1", "app-234"], ["app-3", "app-"]],
  ["a|bc|", ["a", "bc", ""], ["abc", "b"]],
  ["(a|b)*c+?d??", ["c", "abbacc", "acd"], ["ab", "d"]],
  ["a{2}b{1,2}c{0,}", ["aab", "aabbccc"], ["ab", "aabbb"]],
  ["a{,2}", ["a{,2}"], ["aa"]],
  ["[]a-c]+", ["]", "abc]"], ["d", ""]],
  ["[^a-c\\d]", ["x", "\n"], ["b", "5"]],
  ["[[:alpha:]_[:^ascii:]]+", ["ab_é"], ["1"]],
  ["[a-]+", ["-a"], ["b"]],
  ["\\Qa.b*\\E+", ["a.b*", "a.b**"], ["axb"]],
  ["\\x41\\x{1F600}\\101\\n", ["A😀A\n"], ["A"]],
  ["\\pL\\p{Greek}\\P{Lu}", ["xΩa"], ["xaa", "xΩA"]],
  ["(?i)straße|[A-C]x", ["STRAßE", "bX"], ["DX"]],
  ["(?i:a)b", ["Ab"], ["AB"]],
  ["(?P<name>a)(?<other>b)(?:c)", ["abc"], ["ab"]],
  ["^a$", ["a"], ["a\n"]],
  ["(?m)a$\\n^b", ["a\nb"], ["ab"]],
  ["\\Aa\\bx?-\\Bb?\\z", [], ["a-b", "ax-"]],
  ["a\\b-\\b-?b", ["a-b"], ["a--b"]],
  ["\\.\\-\\_\\@", [".-_@"], [""]],
  ["(a*)*b", ["aab", "b"], ["aa"]],
  ["(a{0,3}){0,3}", ["", "aaaaaaaaa"], ["aaaaaaaaaa"]],
];

describe("regular expressions of clients", () => {
  for (const [pattern, yes, no] of CASES) {
    test(`${pattern} matches what RE2 says it does`, () => {
      const regex = new Regex(pattern);
      for (const text of yes) assert.equal(regex.matches(text), true, text);
      for (const text of no) assert.equal(regex.matches(text), false, text);
    });
  }

  for (const pattern of [
    ..."( ) a)(b [ [a [b-a] * +a a** a{2}{3} \\ \\1 \\y \\pY a{1001} a{2,1}".split(" "),
    ...["(?=a)", "(?!a)", "(?<=a)b", "(?i", "(?x)a", "[[:nope:]]", "(((a{99}){99}){99})"],
  ]) {
    test(`${pattern} is refused`, () => {
      assert.throws(() => new Regex(pattern), InvalidRegex);
    });
  }

  test("agrees with JavaScript wherever both know the syntax", () => {
    const leaf = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\w", "^", "$", "\\b", "");
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        leaf,
        fc.tuple(tie("pattern"), tie("pattern")).map(([left, right]) => `(?:${left})(?:${right})`),
        fc.tuple(tie("pattern"), tie("pattern")).map(([left, right]) => `(?:${left}|${right})`),
        fc
          .tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{2,}"))
          .map(([inner, times]) => `(?:${inner})${times}`),
      ),
    }));
    const text = fc.string({ unit: fc.constantFrom("a", "b", "-"), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (source, subject) => {
        assert.equal(
          new Regex(source).matches(subject),
          new RegExp(`^(?:${source})$`).test(subject),
        );
      }),
      { numRuns: 500 },
    );
  });

  test("an expression made to take for ever does not", () => {
    const regex = new Regex("((a+)+)+b|(a|a|aa)*c|a{0,500}a{500}");
    assert.equal(regex.matches("a".repeat(2_000)), false);
    assert.equal(regex.matches("a".repeat(600)), true);
  });

  test("whatever is sent is understood or refused", () => {
    const part = fc.constantFrom(..."a(){}[]|*+?^$.\\-,:0129pPQExids<>".split(""));
    fc.assert(
      fc.property(fc.string({ unit: part, maxLength: 12 }), (pattern) => {
        try {
          new Regex(pattern).matches("a1a");
        } catch (error) {
          assert.ok(error instanceof InvalidRegex, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
