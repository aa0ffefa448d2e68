/** `ottla start` as a process: what it says, how it ends, what is left when it comes back. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts, waitFor } from "@ottla/testing";
import {
  type OttlaProcess,
  ottla,
  startNode,
  startOttla,
  startRedirected,
  temporaryDirectory,
} from "./ottla.ts";

const PROCESS_CONTEXT = join(import.meta.dirname, "../src/process-context.ts");
const FULL_DEVICE = "/dev/full";
const LISTENING = /listening on (127\.0\.0\.1:(\d+))/;

async function bootstrapOf(broker: OttlaProcess): Promise<string> {
  return (await broker.seen(LISTENING))[1]!;
}

async function stop(broker: OttlaProcess): Promise<void> {
  broker.child.kill("SIGTERM");
  assert.equal(await broker.ended, 0, broker.stderr());
}

async function succeed(bootstrap: string, line: string, input = ""): Promise<string> {
  const result = await ottla(line.split(" "), { bootstrap, input });
  assert.equal(result.code, 0, `${line}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

test("a started broker says where it is, what to try next, and that it stopped", async () => {
  await using directory = await temporaryDirectory();
  const broker = startOttla(["start", "--port", "0", "-d", directory.path, "--metrics-port", "0"]);
  const bootstrap = await bootstrapOf(broker);
  await broker.seen(/Ctrl-C stops the broker/);
  const text = broker.stdout();
  assert.match(text, /ready in +\d+ ms/);
  assert.ok(text.includes(directory.path));
  assert.ok(text.includes(`produce greetings -b ${bootstrap}`));
  assert.ok(text.includes(`kcat -C -b ${bootstrap}`));
  const metrics = /http:\/\/127\.0\.0\.1:\d+\/metrics/.exec(text)![0];
  const response = await fetch(metrics);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /^# /m);
  await stop(broker);
  assert.match(broker.stdout(), /stopping\nstopped\n$/);
  assert.equal(broker.stderr(), "");
});

for (const [how, signal] of [
  ["in good order", "SIGTERM"],
  ["by SIGKILL", "SIGKILL"],
] as const) {
  test(`everything is still there after the broker was ended ${how} and started again`, async () => {
    await using directory = await temporaryDirectory();
    const noDelay = "group.initial.rebalance.delay.ms=0";
    const args = ["start", "--port", "0", "--data-dir", directory.path, "--set", noDelay];
    const first = startOttla(args);
    const before = await bootstrapOf(first);
    await succeed(before, "topic create kept -p 2 -c retention.ms=-1");
    await succeed(before, "produce kept -K :", "a:1\nb:2\nc:3\nd:4\n");
    assert.equal((await succeed(before, "consume kept -g readers -n 3")).split("\n").length, 4);
    const topic = await succeed(before, "topic describe kept -o json");
    const group = await succeed(before, "group describe readers -o json");
    first.child.kill(signal);
    await first.ended;

    const second = startOttla(args);
    const after = await bootstrapOf(second);
    assert.equal(await succeed(after, "topic describe kept -o json"), topic);
    assert.equal(await succeed(after, "group describe readers -o json"), group);
    assert.deepEqual((await succeed(after, "consume kept")).trimEnd().split("\n").sort(), [
      ..."1234",
    ]);
    assert.equal((await succeed(after, "consume kept -g readers")).split("\n").length, 2);
    await stop(second);
  });
}

test("flags win over the environment, that over the file, that over the defaults", async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, "server.properties");
  await writeFile(file, "num.partitions=2\nlog.retention.ms=2000\nlog.segment.bytes=2000000\n");
  const args = ["start", "--port", "0", "--memory", "--config", file, "--set", "num.partitions=4"];
  const env = { KAFKA_NUM_PARTITIONS: "3", KAFKA_LOG_RETENTION_MS: "3000" };
  const broker = startOttla(args, { env });
  const bootstrap = await bootstrapOf(broker);
  await succeed(bootstrap, "topic create layered");
  const { topics } = JSON.parse(
    await succeed(bootstrap, "topic describe layered --all-configs -o json"),
  );
  assert.equal(topics[0].partitions.length, 4);
  assert.equal(topics[0].configs["retention.ms"], "3000");
  assert.equal(topics[0].configs["segment.bytes"], "2000000");
  assert.equal(topics[0].configs["cleanup.policy"], "delete");
  await stop(broker);
});

test("the file alone may say where to listen and where the data is", async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, "server.properties");
  const data = join(directory.path, "elsewhere");
  await writeFile(file, `listeners=PLAINTEXT://127.0.0.1:0\nlog.dirs=${data}\n`);
  const broker = startOttla(["start", "--config", file, "--output", "json"]);
  const [line] = await broker.seen(/^\{.*\}\n/);
  const said = JSON.parse(line);
  assert.equal(said.dataDirectory, data);
  assert.notEqual(said.ports[0], 9092);
  await stop(broker);
  assert.equal(broker.stdout(), line);
});

test("several logical brokers in one process take a topic with as many copies", async () => {
  const broker = startOttla(["start", "--port", "0", "--memory", "--brokers", "3"]);
  const bootstrap = await bootstrapOf(broker);
  await succeed(bootstrap, "topic create copied -p 3 -r 3");
  const { topics } = JSON.parse(await succeed(bootstrap, "topic describe copied -o json"));
  assert.equal(topics[0].replicationFactor, 3);
  assert.equal(
    new Set(topics[0].partitions.map((each: { leader: number }) => each.leader)).size,
    3,
  );
  await stop(broker);
});

test("what keeps a broker from starting is one clear line and exit code 1", async () => {
  await using directory = await temporaryDirectory();
  const broker = startOttla(["start", "--port", "0", "--data-dir", directory.path]);
  const port = (await bootstrapOf(broker)).split(":")[1]!;
  const refusals = [
    [["--port", port, "--memory"], /^ottla start: port \d+ on 127\.0\.0\.1 is taken by another/],
    [["--port", "0", "--data-dir", directory.path], /^ottla start: .* is in use by another broker/],
    [
      ["--port", "0", "--memory", "--set", "num.partitions=many"],
      /^ottla start: .*num\.partitions/,
    ],
    [["--config", join(directory.path, "none")], /^ottla start: cannot read .*none: ENOENT/],
    [["--port", "0", "--data-dir", "/dev/null/x"], /^ottla start: cannot use \/dev\/null\/x: /],
  ] as const;
  for (const [args, message] of refusals) {
    const { code, stdout, stderr } = await ottla(["start", ...args]);
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n {2}at /);
  }
  assert.equal((await ottla(["start", "--port", "65536"])).code, 2);
  await stop(broker);
});

test("the first signal is the command's to act on, the second ends the process at once", async () => {
  const source = `
    const { processContext } = await import(${JSON.stringify(PROCESS_CONTEXT)});
    const { interruption } = processContext();
    interruption().addEventListener("abort", () => console.log("busy with the first"));
    setInterval(() => {}, 1_000_000);
    console.log("ready");
  `;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const stubborn = startNode(["-C", "source", "--input-type=module", "-e", source], {
      npm_lifecycle_event: undefined, // Under npm a signal that follows at once is taken for an echo.
    });
    await stubborn.seen(/ready/);
    stubborn.child.kill(signal);
    await stubborn.seen(/busy with the first/);
    stubborn.child.kill(signal);
    assert.equal(await stubborn.ended, 1);
  }
});

const noFullDevice = existsSync(FULL_DEVICE) ? false : `there is no ${FULL_DEVICE}`;

test("a broker whose reports cannot be written serves on", { skip: noFullDevice }, async () => {
  const args = ["start", "--port", "0", "--memory"];
  const broker = startRedirected(`2>${FULL_DEVICE}`, args);
  const bootstrap = await bootstrapOf(broker);
  for (let i = 0; i < 2; i++) {
    // A size that no frame may have, which is refused and reported.
    const socket = connect(Number(bootstrap.split(":")[1]), "127.0.0.1");
    socket.end(Buffer.alloc(4, 0xff));
    socket.resume();
    await once(socket, "close");
  }
  assert.equal(await succeed(bootstrap, "topic create kept"), "created kept with 1 partition\n");
  await stop(broker);
});

test("a broker whose output cannot be written ends in good order", {
  skip: noFullDevice,
}, async () => {
  await using directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  const broker = startRedirected(`>${FULL_DEVICE}`, ["start", "--port", "0", "-d", data]);
  await waitFor(() => existsSync(data) || null, { what: data });
  await stop(broker);
  assert.equal(broker.stderr(), "");
});

test("a broker goes on when nobody reads what it says", { timeout: 60_000 }, async (t) => {
  const [port] = await freePorts(1);
  const broker = startOttla(["start", "--memory", "--port", `${port}`]);
  t.after(() => broker.child.kill("SIGKILL"));
  broker.child.stdout.destroy();
  const bootstrap = `127.0.0.1:${port}`;
  await waitFor(async () => await succeed(bootstrap, "topic list"), { what: "broker" });
  assert.equal(await succeed(bootstrap, "topic create kept"), "created kept with 1 partition\n");
  await stop(broker);
  assert.equal(broker.stderr(), "");
});

test("an output that nobody reads says so, and interrupts nothing", {
  timeout: 60_000,
}, async (t) => {
  const source = `
    const { processContext } = await import(${JSON.stringify(PROCESS_CONTEXT)});
    const { interruption, stdout, stderr } = processContext();
    const signal = interruption();
    await stdout.write("one");
    await stderr.write([await stdout.flush(), signal.aborted].join());
  `;
  const command = startNode(["-C", "source", "--input-type=module", "-e", source]);
  t.after(() => command.child.kill("SIGKILL"));
  command.child.stdout.destroy();
  assert.equal(await command.ended, 0);
  assert.equal(command.stderr(), "false,false");
});

test("a command whose output cannot be written fails", { skip: noFullDevice }, async () => {
  const full = startRedirected(`>${FULL_DEVICE}`, ["start", "--help"]);
  assert.equal(await full.ended, 1);
  assert.match(full.stderr(), /^ottla start: cannot write the output: ENOSPC.*\n$/);
});

test("a command without a broker says how to start one", async () => {
  const { code, stderr } = await ottla(["topic", "list", "-b", "127.0.0.1:1"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /no broker answers at 127\.0\.0\.1:1 \(connect ECONNREFUSED 127\.0\.0\.1:1\)/,
  );
  assert.match(stderr, /Start a broker with: ottla start --port 1\n/);
});
