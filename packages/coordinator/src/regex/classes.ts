/** Named sets of characters in regular expressions. */

type Test = (codePoint: number) => boolean;

/** Tests one character at a time, so that it costs the same whatever the text. */
function testOf(expression: RegExp): Test {
  return (codePoint) => expression.test(String.fromCodePoint(codePoint));
}

const isDigit = testOf(/^\d$/);
export const isWord = testOf(/^\w$/);
const isSpace = testOf(/^[\t\n\f\r ]$/);

const not =
  (test: Test): Test =>
  (codePoint) =>
    !test(codePoint);

/** Perl's classes, which are ASCII alone in RE2, by the letter behind the backslash. */
export const characterClasses: Readonly<Record<string, Test>> = {
  d: isDigit,
  D: not(isDigit),
  w: isWord,
  W: not(isWord),
  s: isSpace,
  S: not(isSpace),
};

const POSIX: Readonly<Record<string, Test>> = {
  alnum: testOf(/^[0-9A-Za-z]$/),
  alpha: testOf(/^[A-Za-z]$/),
  ascii: (codePoint) => codePoint < 0x80,
  blank: testOf(/^[\t ]$/),
  cntrl: (codePoint) => codePoint < 0x20 || codePoint === 0x7f,
  digit: isDigit,
  graph: testOf(/^[!-~]$/),
  lower: testOf(/^[a-z]$/),
  print: testOf(/^[ -~]$/),
  punct: testOf(/^[!-/:-@[-`{-~]$/),
  space: testOf(/^[\t\n\v\f\r ]$/),
  upper: testOf(/^[A-Z]$/),
  word: isWord,
  xdigit: testOf(/^[0-9A-Fa-f]$/),
};

/** The class of `[:name:]`, or null. */
export function posixClass(name: string): Test | null {
  return Object.hasOwn(POSIX, name) ? POSIX[name]! : null;
}

/** The class of `\pL`, `\p{Greek}`, `\P{^Lu}`: general categories and scripts; null for an unknown one. */
export function escapeClass(letter: string, name: string): Test | null {
  const bare = name.replace(/[{}]/g, "");
  const isNegated = bare.startsWith("^");
  const property = isNegated ? bare.slice(1) : bare;
  if (property === "Any") return letter === "p" ? () => !isNegated : () => isNegated;
  for (const prefix of ["gc=", "sc="]) {
    try {
      const test = testOf(new RegExp(`^\\p{${prefix}${property}}$`, "u"));
      return (letter === "P") !== isNegated ? not(test) : test;
    } catch {
      // Not of this kind.
    }
  }
  return null;
}
