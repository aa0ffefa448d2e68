import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokerError, ConnectionError, TimeoutError } from "@ottla/client";
import { type CommandGroup, defineCommand, isGroup } from "./command-line/command.ts";
import { optionName, withDefault } from "./command-line/option.ts";
import { oneOf } from "./command-line/value.ts";
import { ClusterUnreachable, CommandFailure } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { programName } from "./process-context.ts";
import { runCommandLine } from "./run.ts";
import { recordedContext } from "./testing-context.ts";
import { tree } from "./tree.ts";

async function runWords(...words: string[]) {
  const context = recordedContext();
  const code = await runCommandLine(words, context);
  return { code, out: context.out(), err: context.err() };
}

/** What a command that fails with `error` ends with and says. */
async function failingWith(error: unknown, ...words: string[]) {
  const root: CommandGroup = {
    about: "",
    children: {
      fail: {
        about: "",
        load: async () =>
          defineCommand({
            arguments: [],
            options: {
              output: withDefault(oneOf("text", "json"), "text", { about: "", placeholder: "" }),
            },
            examples: [],
            run: () => Promise.reject(error),
          }),
      },
    },
  };
  const context = recordedContext();
  const code = await runCommandLine(["fail", ...words], context, root);
  return { code, out: context.out(), err: context.err() };
}

test("the bare name, --help and help print the same and succeed", async () => {
  const bare = await runWords();
  assert.equal(bare.code, EXIT.ok);
  assert.match(bare.out, /Usage: ottla COMMAND/);
  assert.match(bare.out, /topic describe {2,}\S/);
  assert.deepEqual(await runWords("--help"), bare);
  assert.deepEqual(await runWords("help"), bare);
  assert.equal(bare.err, "");
});

test("a group without a verb is a mistake, with the group's help", async () => {
  const { code, out, err } = await runWords("topic");
  assert.equal(code, EXIT.usage);
  assert.equal(out, "");
  assert.match(err, /Usage: ottla topic COMMAND/);
  assert.equal((await runWords("topic", "--help")).code, EXIT.ok);
});

test("every command has help that names all its options within the width", async () => {
  const visit = async (group: CommandGroup, path: readonly string[]): Promise<void> => {
    for (const [name, node] of Object.entries(group.children)) {
      const own = [...path, name];
      if (isGroup(node)) {
        await visit(node, own);
        continue;
      }
      const { code, out } = await runWords(...own, "--help");
      assert.equal(code, EXIT.ok);
      assert.ok(out.startsWith(node.about));
      assert.ok(out.includes(`Usage: ottla ${own.join(" ")}`));
      const { options } = await node.load();
      for (const key of Object.keys(options)) assert.ok(out.includes(`--${optionName(key)}`), key);
      const text = out.slice(0, out.indexOf("Examples:"));
      for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
      assert.equal((await runWords("help", ...own)).out, out);
    }
  };
  await visit(tree, []);
});

test("the version is that of the package", async () => {
  const { code, out } = await runWords("--version");
  assert.equal(code, EXIT.ok);
  assert.match(out, /^\d+\.\d+\.\d+\n$/);
});

test("a command line that makes no sense ends with 2 and does nothing", async () => {
  assert.deepEqual(await runWords("topc"), {
    code: EXIT.usage,
    out: "",
    err: 'ottla: unknown command "topc"\n  Did you mean "topic"?\n',
  });
  const { code, err } = await runWords("topic", "list", "--outptu", "json");
  assert.equal(code, EXIT.usage);
  assert.match(err, /^ottla topic list: unknown option --outptu\n {2}Did you mean "--output"\?\n$/);
  assert.equal((await runWords("topic", "alter", "a")).code, EXIT.usage);
  assert.equal((await runWords("group", "reset", "g", "--topic", "a")).code, EXIT.usage);
  assert.equal((await runWords("consume", "a:0", "--group", "g")).code, EXIT.usage);
});

test("a broker that does not answer is told with how to start one", async () => {
  const refused = new ConnectionError("127.0.0.1", 19092, "cannot connect", new Error("refused"));
  const unreachable = (servers: string, cause: unknown, isEncrypted = false) =>
    failingWith(new ClusterUnreachable(servers, { isEncrypted, cause }));
  const { code, err } = await unreachable("127.0.0.1:19092", refused);
  assert.equal(code, EXIT.failure);
  assert.match(err, /^ottla fail: no broker answers at 127\.0\.0\.1:19092 \(refused\)\n/);
  assert.match(err, /Start a broker with: ottla start --port 19092\n/);
  assert.match(err, /--bootstrap-server/);
  const far = await unreachable("kafka.example:9092", refused);
  assert.doesNotMatch(far.err, /Start a broker|TLS/);
  const closed = new ConnectionError("127.0.0.1", 19092, "the broker closed the connection");
  assert.match((await unreachable("k:1", closed)).err, /If it wants TLS, add --tls\./);
  assert.doesNotMatch((await unreachable("k:1", closed, true)).err, /TLS/);
});

test("Kafka's errors come in words, with their name and what to do", async () => {
  const error = (name: string, subject: string) =>
    new BrokerError({ code: 1, error: name, retriable: false, subject, message: "Some words." });
  const one = await failingWith(error("TOPIC_ALREADY_EXISTS", "create topic a"));
  assert.equal(
    one.err,
    "ottla fail: create topic a: Some words. (TOPIC_ALREADY_EXISTS)\n  Use --if-not-exists to let an existing topic be.\n",
  );
  const many = await failingWith(
    new AggregateError([error("NON_EMPTY_GROUP", "group a"), error("NON_EMPTY_GROUP", "group b")]),
  );
  assert.match(many.err, /group a: .*\ngroup b: /);
  assert.equal(many.err.match(/Stop its members first/g)?.length, 1);
});

test("with --output json failures are JSON too", async () => {
  const { code, out, err } = await failingWith(
    new CommandFailure("no such thing", { hints: ["look elsewhere"] }),
    "--output",
    "json",
  );
  assert.equal(code, EXIT.failure);
  assert.equal(out, "");
  assert.deepEqual(JSON.parse(err), {
    error: { code: "CommandFailure", message: "no such thing", hints: ["look elsewhere"] },
  });
});

test("a call that ran out of time tells what stood in its way", async () => {
  const cause = new ConnectionError("broker.internal", 9092, "cannot connect");
  const { err } = await failingWith(new TimeoutError("CreateTopics", 30_000, cause));
  assert.match(
    err,
    /CreateTopics: no success within 30000 ms \(broker\.internal:9092: cannot connect\)/,
  );
});

test("failures of the operating system are told without their stack, our own mistakes with it", async () => {
  const taken = Object.assign(new Error("listen EADDRINUSE"), {
    code: "EADDRINUSE",
    address: "127.0.0.1",
    port: 9092,
  });
  const busy = await failingWith(new Error("could not listen", { cause: taken }));
  assert.match(busy.err, /^ottla fail: port 9092 on 127\.0\.0\.1 is taken by another process\n/);
  const missing = Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" });
  assert.equal((await failingWith(missing)).err, "ottla fail: ENOENT: no such file\n");
  assert.match((await failingWith(new TypeError("x is not a function"))).err, /\n {2}at /);
});

test("hints name the program as the user calls it", () => {
  assert.equal(programName({}), "ottla");
  const script = { npm_package_name: "ottla", npm_lifecycle_event: "start" };
  assert.equal(programName(script), "npm run -s ottla --");
  assert.equal(programName({ ...script, npm_package_name: "shop" }), "ottla");
});
