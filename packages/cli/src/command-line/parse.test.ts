import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageFailure } from "../errors.ts";
import { tree } from "../tree.ts";
import { defineCommand, isGroup } from "./command.ts";
import { argument, flag, optional, repeated, someArguments, withDefault } from "./option.ts";
import { readInput, route, splitWords } from "./parse.ts";
import { integer, oneOf, pair, text } from "./value.ts";

const sample = defineCommand({
  arguments: [argument("NAME", "A name")],
  options: {
    dataDir: optional(text, { about: "", placeholder: "DIR", short: "d" }),
    count: withDefault(integer({ min: -100 }), 7, { about: "", placeholder: "N", short: "n" }),
    set: repeated(pair, { about: "", placeholder: "K=V", short: "s" }),
    format: withDefault(oneOf("a", "b"), "a", { about: "", placeholder: "a|b" }),
    follow: flag({ about: "", short: "f" }),
  },
  examples: [],
  run: async () => undefined,
});

const read = (...words: string[]) => readInput(sample, splitWords(sample.options, words));
const failure =
  (message: RegExp, hint = /^/) =>
  (error: unknown) =>
    error instanceof UsageFailure &&
    message.test(error.message) &&
    hint.test(error.hints.join("\n"));

test("options come in every usual form, between and around arguments", () => {
  const expected = {
    dataDir: "x",
    count: -5,
    set: [
      ["k", "1"],
      ["l", "a=b"],
    ],
    format: "b",
    follow: true,
  };
  const forms = [
    "--data-dir x --count -5 --set k=1 --set l=a=b --format b --follow name",
    "name --data-dir=x --count=-5 --set=k=1 --set=l=a=b --format=b --follow",
    "-d x -n -5 -s k=1 name -s l=a=b --format b -f",
    "-dx -n-5 -sk=1 -sl=a=b --format=b -f -- name",
  ];
  for (const form of forms) {
    const input = read(...form.split(" "));
    assert.deepEqual(input, { arguments: ["name"], options: expected }, form);
  }
});

test("absent options are null, empty or their default", () => {
  assert.deepEqual(read("name").options, {
    dataDir: null,
    count: 7,
    set: [],
    format: "a",
    follow: false,
  });
});

test("after two dashes everything is an argument", () => {
  assert.deepEqual(read("--", "--follow").arguments, ["--follow"]);
});

test("what makes no sense is refused with the reason", () => {
  assert.throws(() => read("name", "--folow"), failure(/unknown option --folow/, /"--follow"/));
  assert.throws(() => read("name", "-x"), failure(/unknown option -x/));
  assert.throws(() => read("name", "--data-dir"), failure(/--data-dir needs a value: DIR/));
  assert.throws(
    () => read("name", "--data-dir", "--follow"),
    failure(/--data-dir needs a value: DIR/, /--data-dir=--follow/),
  );
  assert.throws(() => read("name", "--follow=yes"), failure(/--follow takes no value/));
  assert.throws(() => read("name", "-n", "1", "-n", "2"), failure(/-n is given twice/));
  assert.throws(() => read("name", "--count", "x"), failure(/--count takes a whole number/));
  assert.throws(() => read("name", "--format", "c"), failure(/--format takes one of a, b/));
  assert.throws(() => read("name", "--set", "k"), failure(/--set takes key=value/));
  assert.throws(() => read(), failure(/NAME is missing/));
  assert.throws(() => read("one", "two"), failure(/unexpected argument "two"/));
});

test("the last argument of a command may take all that is left, but not nothing", () => {
  const command = defineCommand({
    arguments: [argument("FIRST", ""), someArguments("REST", "")],
    options: {},
    examples: [],
    run: async () => undefined,
  });
  const input = (...words: string[]) => readInput(command, splitWords({}, words)).arguments;
  assert.deepEqual(input("a", "b", "c"), ["a", ["b", "c"]]);
  assert.throws(() => input("a"), failure(/REST is missing/));
});

test("words lead through the tree, and help may be asked for anywhere", () => {
  assert.deepEqual(route(tree, ["topic", "list", "-o", "json"]).path, ["topic", "list"]);
  assert.deepEqual(route(tree, ["topic", "list", "-o", "json"]).rest, ["-o", "json"]);
  assert.deepEqual(route(tree, ["topic"]).path, ["topic"]);
  for (const words of [
    ["help", "topic"],
    ["topic", "--help"],
    ["topic", "-h"],
  ]) {
    const found = route(tree, words);
    assert.deepEqual([found.path, found.wantsHelp], [["topic"], true], words.join(" "));
  }
  assert.equal(route(tree, ["help", "topic", "create"]).wantsHelp, true);
  assert.ok(splitWords(sample.options, ["name", "--help"]).wantsHelp);
});

test("unknown commands are answered with what may have been meant", () => {
  const unknown = (message: RegExp, hint: RegExp, ...words: string[]) =>
    assert.throws(() => route(tree, words), failure(message, hint));
  unknown(/unknown command "tpoic"/, /"topic"/, "tpoic");
  unknown(/unknown command "topic crete"/, /"topic create"/, "topic", "crete");
  unknown(/unknown command "launch"/, /start, topic, produce/, "launch");
  unknown(/unknown command "constructor"/, /Commands/, "constructor");
  unknown(/"-b" comes too early/, /Commands/, "-b", "x", "topic", "list");
});

test("every option of every command has a name of its own, and examples are command lines that parse", async () => {
  let seen = 0;
  const visit = async (children: typeof tree.children): Promise<void> => {
    for (const node of Object.values(children)) {
      if (isGroup(node)) {
        await visit(node.children);
        continue;
      }
      const command = await node.load();
      const shorts = Object.values(command.options).flatMap(({ short }) => short ?? []);
      assert.equal(new Set([...shorts, "h"]).size, shorts.length + 1, node.about);
      for (const { line } of command.examples) {
        // Up to where the shell takes over.
        const words = line.replace(/ (\||<<<|>) .*$/, "").split(" ");
        const found = route(tree, words);
        assert.equal(found.node, node, line);
        assert.doesNotThrow(() => readInput(command, splitWords(command.options, found.rest)));
        seen += 1;
      }
    }
  };
  await visit(tree.children);
  assert.ok(seen > 12);
});
