/**
 * The syntax of RE2 (Kafka uses RE2/J wherever a client sends a regular expression), without what only matters to those who search or
 * capture. There are no back references and no looking around: so whatever is parsed can be matched in linear time.
 *
 *     literals, `.`, `[a-z]`, `[^…]`, `[[:alpha:]]`, `\d \w \s \pL \p{…}` and their opposites, `\Q…\E`, `\x7f`, `\x{…}`, `\012`
 *     `x|y`, `(…)`, `(?:…)`, `(?P<name>…)`, `(?<name>…)`, flags `i m s U` as `(?i)` and `(?i:…)`
 *     `* + ? {n} {n,} {n,m}`, each also with a `?` behind; `^ $ \A \z \b \B`
 */
import { characterClasses, escapeClass, posixClass } from "./classes.ts";

export type CodePointTest = (codePoint: number) => boolean;

export type AssertionKind =
  | "textStart"
  | "textEnd"
  | "lineStart"
  | "lineEnd"
  | "wordBoundary"
  | "noWordBoundary";

export type RegexNode =
  | { readonly type: "empty" }
  | { readonly type: "one"; readonly test: CodePointTest }
  | { readonly type: "assertion"; readonly kind: AssertionKind }
  | { readonly type: "sequence"; readonly nodes: readonly RegexNode[] }
  | { readonly type: "choice"; readonly nodes: readonly RegexNode[] }
  | {
      readonly type: "repeat";
      readonly node: RegexNode;
      readonly min: number;
      /** Infinity for no limit. */
      readonly max: number;
    };

export class InvalidRegex extends Error {
  override readonly name = "InvalidRegex";
  readonly pattern: string;

  constructor(pattern: string, why: string) {
    super(`regular expression \`${pattern}\`: ${why}`);
    this.pattern = pattern;
  }
}

interface Flags {
  readonly ignoresCase: boolean;
  readonly isMultiline: boolean;
  readonly dotMatchesAll: boolean;
}

const NO_FLAGS: Flags = { ignoresCase: false, isMultiline: false, dotMatchesAll: false };

/** As in RE2. */
const MAX_REPEAT = 1_000;
const MAX_DEPTH = 200;

const EMPTY: RegexNode = { type: "empty" };
const NEWLINE = 10;

/** @throws {InvalidRegex} */
export function parseRegex(pattern: string): RegexNode {
  return new Parser(pattern).parse();
}

class Parser {
  readonly #pattern: string;
  readonly #text: readonly string[];
  #at = 0;
  #depth = 0;
  #flags = NO_FLAGS;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#text = Array.from(pattern);
  }

  parse(): RegexNode {
    const node = this.#choice();
    if (this.#at < this.#text.length) this.#fail("unexpected )");
    return node;
  }

  #choice(): RegexNode {
    if (++this.#depth > MAX_DEPTH) this.#fail("nested too deep");
    const nodes = [this.#sequence()];
    while (this.#skip("|")) nodes.push(this.#sequence());
    this.#depth--;
    return nodes.length === 1 ? nodes[0]! : { type: "choice", nodes };
  }

  #sequence(): RegexNode {
    const nodes: RegexNode[] = [];
    for (let next = this.#peek(); next !== undefined; next = this.#peek()) {
      if (next === "|" || next === ")") break;
      if (this.#skipText("\\Q")) nodes.push(...this.#quoted());
      else nodes.push(this.#repeated(this.#atom()));
    }
    return nodes.length === 1 ? nodes[0]! : { type: "sequence", nodes };
  }

  #repeated(node: RegexNode): RegexNode {
    const range = this.#quantifier();
    if (range === null) return node;
    this.#skip("?");
    if (this.#quantifier() !== null) this.#fail("invalid nested repetition operator");
    return { type: "repeat", node, ...range };
  }

  #quantifier(): { min: number; max: number } | null {
    if (this.#skip("*")) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#skip("+")) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#skip("?")) return { min: 0, max: 1 };
    // What is no repetition is taken literally.
    const counted = /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.#rest(12));
    if (counted === null) return null;
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    const max = counted[2] === undefined ? min : Number(counted[3] || Number.POSITIVE_INFINITY);
    if (min > MAX_REPEAT || (max > MAX_REPEAT && max !== Number.POSITIVE_INFINITY) || max < min) {
      this.#fail("invalid repeat count");
    }
    return { min, max };
  }

  #atom(): RegexNode {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return this.#one(this.#class());
      case ".":
        return this.#one(
          this.#flags.dotMatchesAll ? () => true : (codePoint) => codePoint !== NEWLINE,
        );
      case "^":
        return { type: "assertion", kind: this.#flags.isMultiline ? "lineStart" : "textStart" };
      case "$":
        return { type: "assertion", kind: this.#flags.isMultiline ? "lineEnd" : "textEnd" };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        return this.#fail("missing argument to repetition operator");
      default:
        return this.#literal(char.codePointAt(0)!);
    }
  }

  #group(): RegexNode {
    const outer = this.#flags;
    if (this.#skip("?")) {
      const named = /^P?<\w+>/.exec(this.#rest(200));
      if (named !== null) this.#at += named[0].length;
      else {
        this.#setFlags();
        // (?i) holds to the end of the group that it is in.
        if (this.#skip(")")) return EMPTY;
        if (!this.#skip(":")) this.#fail("invalid or unsupported group");
      }
    }
    const node = this.#choice();
    if (!this.#skip(")")) this.#fail("missing closing )");
    this.#flags = outer;
    return node;
  }

  #setFlags(): void {
    let value = true;
    for (let next = this.#peek(); next !== ":" && next !== ")"; next = this.#peek()) {
      this.#at++;
      if (next === "i") this.#flags = { ...this.#flags, ignoresCase: value };
      else if (next === "m") this.#flags = { ...this.#flags, isMultiline: value };
      else if (next === "s") this.#flags = { ...this.#flags, dotMatchesAll: value };
      else if (next === "-" && value) value = false;
      else if (next !== "U") this.#fail("invalid or unsupported group");
    }
  }

  #escape(): RegexNode {
    const char = this.#peek();
    switch (char) {
      case "A":
      case "z":
      case "b":
      case "B":
        this.#at++;
        return { type: "assertion", kind: ASSERTIONS[char] };
      default: {
        const escaped = this.#escaped();
        return typeof escaped === "number" ? this.#literal(escaped) : this.#one(escaped);
      }
    }
  }

  /** What stands behind a backslash, in or outside of a class: a character or a class of them. */
  #escaped(): number | CodePointTest {
    const char = this.#next();
    const simple = SIMPLE_ESCAPES[char];
    if (simple !== undefined) return simple;
    const known = characterClasses[char];
    if (known !== undefined) return known;
    if (char === "x") return this.#hexadecimal();
    if (char === "p" || char === "P") return this.#unicodeClass(char);
    if (/[0-7]/.test(char)) return this.#octal(char);
    if (/[a-zA-Z0-9]/.test(char)) return this.#fail(`invalid escape sequence \\${char}`);
    return char.codePointAt(0)!;
  }

  #hexadecimal(): number {
    const digits = /^(?:([\da-fA-F]{2})|\{([\da-fA-F]{1,6})\})/.exec(this.#rest(8));
    const codePoint = Number.parseInt(digits?.[1] ?? digits?.[2] ?? "", 16);
    if (!(codePoint <= 0x10_ffff)) this.#fail("invalid escape sequence \\x");
    this.#at += digits![0].length;
    return codePoint;
  }

  /** Up to three digits; a single one that is not 0 would be a back reference. */
  #octal(first: string): number {
    const more = /^[0-7]{1,2}/.exec(this.#rest(2))?.[0] ?? "";
    if (first !== "0" && more === "") this.#fail(`invalid escape sequence \\${first}`);
    this.#at += more.length;
    return Number.parseInt(first + more, 8);
  }

  #unicodeClass(char: string): CodePointTest {
    const name = /^(?:[A-Z]|\{\^?\w+\})/.exec(this.#rest(40))?.[0];
    const test = name === undefined ? null : escapeClass(char, name);
    if (test === null) return this.#fail(`invalid character class range \\${char}`);
    this.#at += name!.length;
    return test;
  }

  #class(): CodePointTest {
    const isNegated = this.#skip("^");
    const tests: CodePointTest[] = [];
    // A ] that comes first is one of the characters.
    for (let isFirst = true; isFirst || this.#peek() !== "]"; isFirst = false) {
      const low = this.#classItem();
      if (typeof low !== "number") {
        tests.push(low);
        continue;
      }
      let high = low;
      if (this.#peek() === "-" && this.#text[this.#at + 1] !== "]") {
        this.#at++;
        const end = this.#classItem();
        if (typeof end !== "number" || end < low) this.#fail("invalid character class range");
        else high = end;
      }
      tests.push((codePoint) => codePoint >= low && codePoint <= high);
    }
    this.#at++;
    const isAny = this.#caseBlind((codePoint) => tests.some((test) => test(codePoint)));
    return isNegated ? (codePoint) => !isAny(codePoint) : isAny;
  }

  #classItem(): number | CodePointTest {
    const posix = /^\[:(\^?)(\w+):\]/.exec(this.#rest(16));
    if (posix !== null) {
      const test = posixClass(posix[2]!);
      if (test === null) return this.#fail("invalid character class range");
      this.#at += posix[0].length;
      return posix[1] === "" ? test : (codePoint) => !test(codePoint);
    }
    const char = this.#next();
    return char === "\\" ? this.#escaped() : char.codePointAt(0)!;
  }

  #quoted(): RegexNode[] {
    const nodes: RegexNode[] = [];
    while (this.#at < this.#text.length && !this.#skipText("\\E")) {
      nodes.push(this.#literal(this.#next().codePointAt(0)!));
    }
    const last = nodes.pop();
    return last === undefined ? nodes : [...nodes, this.#repeated(last)];
  }

  #literal(codePoint: number): RegexNode {
    return this.#one((other) => other === codePoint);
  }

  #one(test: CodePointTest): RegexNode {
    return { type: "one", test: this.#caseBlind(test) };
  }

  #caseBlind(test: CodePointTest): CodePointTest {
    if (!this.#flags.ignoresCase) return test;
    return (codePoint) => {
      const char = String.fromCodePoint(codePoint);
      const lower = char.toLowerCase().codePointAt(0)!;
      return test(codePoint) || test(lower) || test(char.toUpperCase().codePointAt(0)!);
    };
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #next(): string {
    const char = this.#text[this.#at++];
    return char ?? this.#fail("unexpected end");
  }

  #skip(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }

  #skipText(text: string): boolean {
    if (this.#rest(text.length) !== text) return false;
    this.#at += text.length;
    return true;
  }

  #rest(length: number): string {
    return this.#text.slice(this.#at, this.#at + length).join("");
  }

  #fail(why: string): never {
    throw new InvalidRegex(this.#pattern, why);
  }
}

const ASSERTIONS = {
  A: "textStart",
  z: "textEnd",
  b: "wordBoundary",
  B: "noWordBoundary",
} as const satisfies Record<string, AssertionKind>;

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
};
