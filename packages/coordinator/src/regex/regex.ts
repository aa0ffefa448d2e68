/**
 * Regular expressions that clients send (ListTransactions, KIP-848 subscriptions), matched in time linear in the text: all ways through the
 * expression are followed side by side, one character at a time (Thompson's construction, Pike's machine). An expression that would
 * take JavaScript's own engine for ever costs no more here than another one of its size.
 */
import { isWord } from "./classes.ts";
import {
  type AssertionKind,
  type CodePointTest,
  InvalidRegex,
  parseRegex,
  type RegexNode,
} from "./syntax.ts";

/** Steps of the machine. Those that consume nothing are followed at once. */
type Step =
  | { readonly op: "one"; readonly test: CodePointTest }
  | { readonly op: "assert"; readonly kind: AssertionKind }
  /** Goes on at both places. */
  | { op: "split"; first: number; second: number }
  | { readonly op: "match" };

/** Bounds time and memory: repetitions are written out. */
const MAX_STEPS = 2_500;

const NEWLINE = 10;

export class Regex {
  readonly #steps: readonly Step[];

  /** @throws {InvalidRegex} */
  constructor(pattern: string) {
    this.#steps = new Compiler(pattern).compile();
  }

  /** Whether the expression matches the whole text. */
  matches(text: string): boolean {
    const codePoints = Array.from(text, (char) => char.codePointAt(0)!);
    let current = new Threads(this.#steps);
    let next = new Threads(this.#steps);
    current.add(0, -1, codePoints[0] ?? -1);
    for (const [index, codePoint] of codePoints.entries()) {
      next.clear();
      const following = codePoints[index + 1] ?? -1;
      for (const at of current.consuming) {
        const step = this.#steps[at]!;
        if (step.op === "one" && step.test(codePoint)) next.add(at + 1, codePoint, following);
      }
      if (next.consuming.length === 0 && !next.isMatch) return false;
      [current, next] = [next, current];
    }
    return current.isMatch;
  }
}

/** The places at which the machine is at once, between two characters. */
class Threads {
  readonly consuming: number[] = [];
  isMatch = false;
  readonly #steps: readonly Step[];
  readonly #seen: Uint32Array;
  #round = 1;

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
    this.#seen = new Uint32Array(steps.length);
  }

  clear(): void {
    this.consuming.length = 0;
    this.isMatch = false;
    this.#round++;
  }

  /** Adds a place and all that can be reached from it without consuming; −1 stands for the ends of the text. */
  add(place: number, before: number, after: number): void {
    const open = [place];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (this.#seen[at] === this.#round) continue;
      this.#seen[at] = this.#round;
      const step = this.#steps[at]!;
      switch (step.op) {
        case "one":
          this.consuming.push(at);
          break;
        case "assert":
          if (holds(step.kind, before, after)) open.push(at + 1);
          break;
        case "split":
          open.push(step.second, step.first);
          break;
        case "match":
          this.isMatch = true;
      }
    }
  }
}

function holds(kind: AssertionKind, before: number, after: number): boolean {
  switch (kind) {
    case "textStart":
      return before === -1;
    case "textEnd":
      return after === -1;
    case "lineStart":
      return before === -1 || before === NEWLINE;
    case "lineEnd":
      return after === -1 || after === NEWLINE;
    case "wordBoundary":
      return isWordAt(before) !== isWordAt(after);
    case "noWordBoundary":
      return isWordAt(before) === isWordAt(after);
  }
}

function isWordAt(codePoint: number): boolean {
  return codePoint !== -1 && isWord(codePoint);
}

class Compiler {
  readonly #pattern: string;
  readonly #steps: Step[] = [];

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  compile(): readonly Step[] {
    this.#emit(parseRegex(this.#pattern));
    this.#push({ op: "match" });
    return this.#steps;
  }

  /** Steps that go on behind their last one when the node has matched. */
  #emit(node: RegexNode): void {
    switch (node.type) {
      case "empty":
        return;
      case "one":
        this.#push({ op: "one", test: node.test });
        return;
      case "assertion":
        this.#push({ op: "assert", kind: node.kind });
        return;
      case "sequence":
        for (const each of node.nodes) this.#emit(each);
        return;
      case "choice":
        this.#emitChoice(node.nodes);
        return;
      case "repeat":
        for (let count = 0; count < node.min; count++) this.#emit(node.node);
        if (node.max === Number.POSITIVE_INFINITY) this.#emitAny(node.node);
        else this.#emitOptional(node.node, node.max - node.min);
    }
  }

  #emitChoice(nodes: readonly RegexNode[]): void {
    const ends: { second: number; first: number }[] = [];
    for (const [index, node] of nodes.entries()) {
      if (index === nodes.length - 1) {
        this.#emit(node);
        break;
      }
      const split = this.#split();
      this.#emit(node);
      ends.push(this.#split());
      split.second = this.#steps.length;
    }
    for (const end of ends) {
      end.first = this.#steps.length;
      end.second = this.#steps.length;
    }
  }

  #emitAny(node: RegexNode): void {
    const start = this.#steps.length;
    const split = this.#split();
    this.#emit(node);
    const back = this.#split();
    back.first = start;
    back.second = start;
    split.second = this.#steps.length;
  }

  /** Up to `count` times: each time may be the last. */
  #emitOptional(node: RegexNode, count: number): void {
    const splits: { second: number }[] = [];
    for (let time = 0; time < count; time++) {
      splits.push(this.#split());
      this.#emit(node);
    }
    for (const split of splits) split.second = this.#steps.length;
  }

  /** A fork whose first way is what comes next. */
  #split(): { first: number; second: number } {
    const split = { op: "split" as const, first: this.#steps.length + 1, second: -1 };
    this.#push(split);
    return split;
  }

  #push(step: Step): void {
    if (this.#steps.length >= MAX_STEPS) throw new InvalidRegex(this.#pattern, "too large");
    this.#steps.push(step);
  }
}
