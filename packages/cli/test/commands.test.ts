/** The commands against a broker. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type BrokerServer, run } from "@ottla/testing";
import {
  type OttlaOptions,
  ottla,
  RUN_MAIN,
  startBroker,
  startOttla,
  temporaryDirectory,
} from "./ottla.ts";

let broker: BrokerServer;

before(async () => {
  broker = await startBroker();
});

after(async () => {
  await broker[Symbol.asyncDispose]();
});

/** Runs a command that must succeed. */
async function succeed(line: string, options: OttlaOptions = {}): Promise<string> {
  const result = await ottla(line.split(" "), { bootstrap: broker.bootstrap, ...options });
  assert.equal(result.code, 0, `${line}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** Runs a command that must fail with exit code 1. */
async function fail(line: string, options: OttlaOptions = {}): Promise<string> {
  const result = await ottla(line.split(" "), { bootstrap: broker.bootstrap, ...options });
  assert.equal(result.code, 1, `${line}\n${result.stdout}${result.stderr}`);
  return result.stderr;
}

const json = async (line: string, options: OttlaOptions = {}) =>
  JSON.parse(await succeed(`${line} --output json`, options));

const sorted = (text: string) => text.trimEnd().split("\n").sort();

test("topics are created, listed, described, altered and deleted", async () => {
  assert.equal(
    await succeed("topic create shop-a shop-b -p 2 -c retention.ms=100000"),
    "created shop-a with 2 partitions\ncreated shop-b with 2 partitions\n",
  );
  assert.match(await fail("topic create shop-a"), /already exists.*TOPIC_ALREADY_EXISTS/);
  assert.equal(await succeed("topic create shop-a --if-not-exists"), "shop-a exists already\n");
  assert.match(await fail("topic create shop-c -r 5"), /INVALID_REPLICATION_FACTOR/);
  assert.match(await succeed("topic create shop-c -p 4 --dry-run"), /^would create shop-c/);

  const { topics } = await json("topic list");
  const named = topics.filter(({ name }: { name: string }) => name.startsWith("shop-"));
  assert.deepEqual(
    named.map((topic: { name: string; partitions: number }) => [topic.name, topic.partitions]),
    [
      ["shop-a", 2],
      ["shop-b", 2],
    ],
  );
  assert.match(await succeed("topic list"), /^TOPIC +PARTITIONS +ID\n(.*\n)*shop-a +2 /);

  assert.match(
    await succeed("topic alter shop-a -p 3 -c retention.ms=200000 -c segment.bytes=2000000"),
    /^altered shop-a: 3 partitions, retention.ms=200000, segment.bytes=2000000\n$/,
  );
  await succeed("topic alter shop-a --delete-config segment.bytes");
  const described = await json("topic describe shop-a");
  assert.deepEqual(described.topics[0].configs, { "retention.ms": "200000" });
  assert.equal(described.topics[0].partitions.length, 3);
  assert.match(await fail("topic alter shop-a -p 1"), /INVALID_PARTITIONS/);
  // The bad partition count keeps the good setting from being changed.
  await fail("topic alter shop-a -p 1 -c retention.ms=1");
  assert.deepEqual((await json("topic describe shop-a")).topics[0].configs, {
    "retention.ms": "200000",
  });
  const all = await json("topic describe shop-a --all-configs");
  assert.equal(all.topics[0].configs["cleanup.policy"], "delete");

  assert.equal(await succeed("topic delete shop-a shop-b"), "deleted shop-a\ndeleted shop-b\n");
  assert.match(await fail("topic describe shop-a"), /there is no topic "shop-a"/);
  assert.match(await fail("topic delete shop-a"), /UNKNOWN_TOPIC_OR_PARTITION/);
  assert.equal(await succeed("topic delete shop-a --if-exists"), "shop-a does not exist\n");
});

test("lines go in as records and come out as they went in", async () => {
  await succeed("topic create lines -p 3");
  const produced = await json("produce lines --key-separator : --header source=test -z gzip", {
    input: "a:1\nb:2\nc:3\nd:\ne:x:y",
  });
  assert.equal(produced.records, 5);
  const values = await succeed("consume lines");
  assert.deepEqual(sorted(values), ["", "1", "2", "3", "x:y"]);
  const keyed = await succeed("consume lines --show key,headers --separator ;");
  assert.deepEqual(sorted(keyed), [
    "source=test;a;1",
    "source=test;b;2",
    "source=test;c;3",
    "source=test;d;",
    "source=test;e;x:y",
  ]);
  assert.match(await fail("produce lines -K :", { input: "no separator\n" }), /line 1 has no key/);
});

test("JSON carries keys, headers, times, tombstones and bytes through both ways", async () => {
  await succeed("topic create json-in -p 1");
  await succeed("topic create json-out -p 1");
  const lines = [
    '{"key":"a","value":"text","timestampMs":1700000000000,"headers":[{"key":"h","value":null}]}',
    '{"key":"b","value":null,"timestampMs":1700000000001}',
    '{"value":{"base64":"/wA="},"timestampMs":1700000000002}',
  ];
  await succeed("produce json-in --input json", { input: lines.join("\n") });
  const first = await succeed("consume json-in --output json");
  await succeed("produce json-out --input json", { input: first });
  const second = await succeed("consume json-out --output json");
  assert.equal(second, first.replaceAll("json-in", "json-out"));
  assert.deepEqual(
    first
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).value),
    ["text", null, { base64: "/wA=" }],
  );
  assert.match(
    await fail("produce json-in --input json", { input: '{"value":"x"}\n{' }),
    /line 2 is not JSON/,
  );
  await succeed("produce json-in --null-marker NULL", { input: "NULL\n" });
  assert.equal((await succeed("consume json-in --from -1")).trimEnd(), "null");
});

test("a file of many records arrives whole, and reading starts where it is told to", async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, "numbers");
  const numbers = Array.from({ length: 50_000 }, (_, number) => `${number}`);
  await writeFile(file, numbers.join("\n"));
  await succeed("topic create numbers -p 2");
  const produced = await json(`produce numbers --partition 1 --file ${file} --compression lz4`);
  assert.deepEqual(produced.partitions, [
    { partition: 1, records: 50_000, firstOffset: 0, lastOffset: 49_999 },
  ]);
  const consume = async (rest: string) => (await succeed(`consume ${rest}`)).trimEnd().split("\n");
  assert.deepEqual(await consume("numbers"), numbers);
  assert.deepEqual(await consume("numbers:1 --from 49998"), ["49998", "49999"]);
  assert.deepEqual(await consume("numbers --from -3"), ["49997", "49998", "49999"]);
  assert.deepEqual(await consume("numbers --max 3"), ["0", "1", "2"]);
  assert.deepEqual(await consume("numbers --from end"), [""]);
  assert.deepEqual(await consume("numbers:0"), [""]);
  assert.match(await fail("consume numbers:1 --from 50001"), /beyond the end, which is 50000/);
  assert.match(await fail("consume numbers:7"), /has no partition 7: the last one is 1/);
  assert.match(
    await fail("consume numbrs"),
    /there is no topic "numbrs"\n {2}Did you mean "numbers"/,
  );

  const times = Array.from(
    { length: 10 },
    (_, i) => `{"value":"${i}","partition":0,"timestampMs":${1_700_000_000_000 + i * 1000}}`,
  );
  await succeed("produce numbers --input json", { input: times.join("\n") });
  assert.deepEqual(await consume("numbers:0 --from @1700000007500"), ["8", "9"]);
  assert.deepEqual(await consume("numbers:0 --from 2023-11-14T22:13:28Z"), ["8", "9"]);
  assert.deepEqual(await consume("numbers:0 --from @1700000009001"), [""]);
});

test("--follow goes on until it is interrupted, and a closed pipe ends it quietly", async () => {
  await succeed("topic create stream -p 1");
  await succeed("produce stream", { input: "one\n" });
  const following = startOttla(["consume", "stream", "--follow"], { bootstrap: broker.bootstrap });
  await following.seen(/^one\n$/);
  await succeed("produce stream", { input: "two\n" });
  await following.seen(/^one\ntwo\n$/);
  following.child.kill("SIGINT");
  assert.equal(await following.ended, 0);
  assert.match(following.stderr(), /^2 records/);

  const piped = startOttla(["consume", "stream", "--follow"], { bootstrap: broker.bootstrap });
  await piped.seen(/two/);
  piped.child.stdout.destroy();
  await succeed("produce stream", { input: "three\n" });
  assert.equal(await piped.ended, 0);
});

test("long work shows on a terminal how far it is, and nothing of that stays", async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, "lines");
  const lines = 400_000;
  await writeFile(file, `${"x".repeat(50)}\n`.repeat(lines));
  await succeed("topic create long -p 2");
  // How long it takes is the machine's to say: work grows until there is something to show.
  let total = 0;
  let produced = "";
  let consumed = "";
  while (!PRODUCING.test(produced) || !CONSUMING.test(consumed)) {
    assert.ok(total < 20 * lines, produced + consumed);
    produced += await onTerminal(`produce long --file ${file}`);
    total += lines;
    consumed = await onTerminal("consume long > /dev/null");
  }
  assert.match(produced, /<clear>delivered 400,000 records, 20\.0 MB in /);
  assert.ok(consumed.includes(`<clear>${total.toLocaleString("en-US")} records, `), consumed);
});

const PRODUCING = /<clear>[\d,]+ records, [\d.]+ MB, [\d,]+ records\/s/;
const CONSUMING = /<clear>[\d,]+ records, [\d.]+ MB, [\d,]+ records\/s, lag [\d,]+/;

/** What a user sees on a terminal, made by util-linux's `script`. */
async function onTerminal(line: string): Promise<string> {
  const command = `${process.execPath} ${RUN_MAIN.join(" ")} ${line}`;
  const { code, stdout, stderr } = await run("script", ["-qec", command, "/dev/null"], {
    env: { OTTLA_BOOTSTRAP_SERVER: broker.bootstrap },
    timeoutMs: 60_000,
  });
  assert.equal(code, 0, stdout + stderr);
  return stdout.replaceAll("\r\u001b[2K", "<clear>");
}

test("a group continues where it stopped, shows its lag, is moved and deleted", async () => {
  await succeed("topic create ledger -p 2");
  const input = Array.from({ length: 20 }, (_, i) => `k${i}:${i}`).join("\n");
  await succeed("produce ledger -K :", { input });

  const first = sorted(await succeed("consume ledger --group audit --max 8"));
  assert.equal(first.length, 8);
  const described = (await json("group describe audit")).groups[0];
  assert.equal(described.state, "Empty");
  const lag = (partitions: readonly { lag: number | null }[]) =>
    partitions.reduce((sum, each) => sum + (each.lag ?? 0), 0);
  assert.equal(lag(described.partitions), 12);
  const rest = sorted(await succeed("consume ledger --group audit"));
  assert.deepEqual(
    [...first, ...rest].map(Number).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => i),
  );
  assert.equal(await succeed("consume ledger --group audit"), "");
  assert.match(await succeed("group list"), /^audit +Empty +classic +consumer$/m);

  const dry = await ottla(["group", "reset", "audit", "--topic", "ledger", "--to-earliest"], {
    bootstrap: broker.bootstrap,
  });
  assert.equal(dry.code, 0);
  assert.match(
    dry.stdout,
    /^TOPIC +PARTITION +COMMITTED +NEW\nledger +0 +\d+ +0\nledger +1 +\d+ +0\n$/,
  );
  assert.match(dry.stderr, /nothing changed/);
  assert.equal(await succeed("consume ledger --group audit"), "");

  const reset = async (rest: string) => {
    const { partitions, executed } = await json(`group reset audit ${rest} --execute`);
    assert.equal(executed, true);
    return partitions.map((each: { newOffset: number }) => each.newOffset);
  };
  const ends = (await json("topic describe ledger")).topics[0].partitions.map(
    (each: { endOffset: number }) => each.endOffset,
  );
  assert.deepEqual(await reset("--all-topics --to-earliest"), [0, 0]);
  assert.equal(sorted(await succeed("consume ledger --group audit")).length, 20);
  assert.deepEqual(await reset("--topic ledger:1 --shift-by -2"), [ends[1] - 2]);
  assert.equal(sorted(await succeed("consume ledger --group audit")).length, 2);
  assert.deepEqual(await reset("--topic ledger --to-offset 3"), [3, 3]);
  assert.deepEqual(await reset("--topic ledger --shift-by 1000"), ends);
  assert.deepEqual(await reset("--topic ledger --to-datetime 2000-01-01"), [0, 0]);
  assert.deepEqual(await reset("--topic ledger --to-datetime 2100-01-01"), ends);
  assert.deepEqual(await reset("--topic ledger --to-latest"), ends);
  assert.match(
    await fail("group reset other --topic ledger --shift-by 1"),
    /cannot shift ledger\[0\]: the group has committed nothing/,
  );

  const member = startOttla(
    ["consume", "ledger", "--group", "audit", "--follow", "--output", "json"],
    { bootstrap: broker.bootstrap },
  );
  await succeed("produce ledger", { input: "news\n" });
  await member.seen(/"news"/);
  const busy = (await json("group describe audit")).groups[0];
  assert.equal(busy.state, "Stable");
  assert.equal(busy.members.length, 1);
  assert.equal(busy.members[0].partitions.length, 2);
  assert.equal(busy.partitions[0].memberId, busy.members[0].memberId);
  assert.match(await fail("group reset audit --all-topics --to-earliest --execute"), /is Stable/);
  assert.match(await fail("group delete audit"), /NON_EMPTY_GROUP/);
  member.child.kill("SIGTERM");
  assert.equal(await member.ended, 0);

  assert.equal(await succeed("group delete audit"), "deleted group audit\n");
  assert.match(await fail("group describe audit"), /there is no group "audit"/);
  assert.match(await fail("group delete audit"), /GROUP_ID_NOT_FOUND/);
});

test("a group is moved by age, to where it is, and by plans that Kafka's tool would take", async () => {
  await using directory = await temporaryDirectory();
  await succeed("topic create plan-a plan-b -p 2");
  const now = Date.now();
  for (const topic of ["plan-a", "plan-b"]) {
    const lines = [0, 1].flatMap((partition) =>
      [3, 2, 1].map(
        (hours) =>
          `{"partition":${partition},"value":"x","timestampMs":${now - hours * 3_600_000}}`,
      ),
    );
    await succeed(`produce ${topic} --input json`, { input: lines.join("\n") });
  }
  const reset = async (rest: string) => {
    const { partitions } = await json(`group reset planned ${rest}`);
    return partitions.map((each: { topic: string; partition: number; newOffset: number }) => [
      each.topic,
      each.partition,
      each.newOffset,
    ]);
  };
  assert.deepEqual(await reset("-t plan-a --by-duration 2h30m --execute"), [
    ["plan-a", 0, 1],
    ["plan-a", 1, 1],
  ]);
  assert.deepEqual(await reset("-t plan-a --by-duration PT1S"), [
    ["plan-a", 0, 3],
    ["plan-a", 1, 3],
  ]);
  // Where nothing is committed, the current place is the end.
  assert.deepEqual(await reset("-t plan-* --to-current"), [
    ["plan-a", 0, 1],
    ["plan-a", 1, 1],
    ["plan-b", 0, 3],
    ["plan-b", 1, 3],
  ]);
  assert.deepEqual(await reset("-t /plan-[ab]/:1 --to-earliest"), [
    ["plan-a", 1, 0],
    ["plan-b", 1, 0],
  ]);
  const plan = await succeed("group reset planned --all-topics --to-current --export");
  assert.equal(plan, "plan-a,0,1\nplan-a,1,1\n");
  const file = join(directory.path, "plan.csv");
  await writeFile(file, `planned,plan-a,1,2\nother,plan-a,0,3\nplanned,plan-b,0,99\n`);
  assert.deepEqual(await reset(`--from-file ${file} --execute`), [
    ["plan-a", 1, 2],
    ["plan-b", 0, 3],
  ]);
  await writeFile(file, "plan-a,x,1\n");
  assert.match(await fail(`group reset planned --from-file ${file}`), /line 1 of the plan/);
  assert.match(await fail("group reset planned --from-file /nowhere"), /cannot read \/nowhere/);
  assert.match(await fail("group reset planned -t nix-* --to-latest"), /no topic matches nix-\*/);
});

test("patterns stand for topics", async () => {
  await succeed("topic create pattern-one pattern-two other-pattern -p 1");
  const named = async (line: string) =>
    (await json(line)).topics.map(({ name }: { name: string }) => name);
  assert.deepEqual(await named("topic list pattern-*"), ["pattern-one", "pattern-two"]);
  assert.deepEqual(await named("topic list /.*-pattern/"), ["other-pattern"]);
  assert.deepEqual(await named("topic describe pattern-*"), ["pattern-one", "pattern-two"]);
  await succeed("topic alter pattern-* -c retention.ms=1000000");
  for (const name of ["pattern-one", "pattern-two"]) {
    await succeed(`produce ${name}`, { input: `${name}\n` });
  }
  assert.deepEqual(sorted(await succeed("consume pattern-*")), ["pattern-one", "pattern-two"]);
  const member = startOttla(["consume", "pattern-*", "-g", "patterned", "--follow"], {
    bootstrap: broker.bootstrap,
  });
  await member.seen(/pattern-(one|two)\npattern-(one|two)\n/);
  member.child.kill("SIGINT");
  assert.equal(await member.ended, 0);
  assert.equal(
    await succeed("topic delete pattern-* --dry-run"),
    "would delete pattern-one\nwould delete pattern-two\n",
  );
  assert.equal(
    await succeed("topic delete pattern-*"),
    "deleted pattern-one\ndeleted pattern-two\n",
  );
  assert.match(await fail("topic delete pattern-*"), /no topic matches pattern-\*/);
  assert.deepEqual(await named("topic list *pattern*"), ["other-pattern"]);
});

test("two members share the partitions of a topic", async () => {
  await succeed("topic create shared -p 4");
  const members = [1, 2].map(() =>
    startOttla(["consume", "shared", "-g", "pair", "--follow", "--show", "partition"], {
      bootstrap: broker.bootstrap,
    }),
  );
  try {
    for (let attempt = 0; ; attempt++) {
      const [group] = (await json("group describe pair").catch(() => ({ groups: [null] }))).groups;
      const counts = group?.members.map((each: { partitions: [] }) => each.partitions.length);
      if (counts?.join() === "2,2") break;
      assert.ok(attempt < 60, `members have ${counts}`);
    }
    const input = [0, 1, 2, 3].map((partition) => `{"partition":${partition},"value":"x"}`);
    await succeed("produce shared --input json", { input: input.join("\n") });
    await Promise.all(members.map((member) => member.seen(/^(\d\tx\n){2}$/)));
    const all = members.map((member) => member.stdout()).join("");
    assert.deepEqual(sorted(all), ["0\tx", "1\tx", "2\tx", "3\tx"]);
  } finally {
    for (const member of members) member.child.kill("SIGTERM");
  }
  assert.deepEqual(await Promise.all(members.map(({ ended }) => ended)), [0, 0]);
});
