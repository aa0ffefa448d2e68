import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import fc from "fast-check";
import { connectionOptions } from "../cluster/connection-options.ts";
import { clusterOptions } from "../cluster/options.ts";
import { splitWords } from "../command-line/parse.ts";
import { parseJaas } from "./jaas.ts";
import { parseProperties } from "./properties.ts";

const PEER = { host: "broker", port: 9092 };
const PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

async function options(line: string, environment: Record<string, string> = {}) {
  const { values } = splitWords(clusterOptions, line === "" ? [] : line.split(" "));
  const flags = Object.fromEntries(
    Object.entries(clusterOptions).map(([key, option]) => [
      key,
      option.read(values.get(key) ?? []),
    ]),
  );
  return await connectionOptions(flags as Parameters<typeof connectionOptions>[0], {
    environment,
    clock: new SimulatedClock(),
  });
}

async function withFile<T>(text: string | Uint8Array, use: (path: string) => Promise<T>) {
  const directory = await mkdtemp(join(tmpdir(), "ottla-cli-"));
  try {
    const path = join(directory, "file");
    await writeFile(path, text);
    return await use(path);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What a file of client settings comes to. */
const fromFile = (text: string, line = "") =>
  withFile(text, (path) => options(`--command-config ${path}${line}`));

test("properties are read as Java reads them", () => {
  const text = [
    "# comment",
    "  ! comment",
    "a=1",
    "b : 2 ",
    "c 3",
    "d=one, \\",
    "    two",
    "e\\=f=x\\u00e9\\n",
    "empty=",
    "bare",
    "path=C:\\\\dir\\\\",
    "a=again",
  ].join("\n");
  assert.deepEqual(Object.fromEntries(parseProperties(text)), {
    a: "again",
    b: "2 ",
    c: "3",
    d: "one, two",
    "e=f": "xé\n",
    empty: "",
    bare: "",
    path: "C:\\dir\\",
  });
});

test("any keys and values survive being written with escapes", () => {
  const escaped = (text: string) =>
    text
      .replace(/[\\=:#! \t\f]/g, "\\$&")
      .replaceAll("\n", "\\n")
      .replaceAll("\r", "\\r");
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), (key, value) => {
      const text = `${escaped(key)}=${escaped(value)}`;
      assert.deepEqual([...parseProperties(text)], [[key, value]]);
    }),
  );
});

test("a login entry has a module and options, quoted or not", () => {
  const entry = parseJaas(
    'org.apache.kafka.common.security.plain.PlainLoginModule required\n username="al ice" password="p\\"=;" x=y ;',
  );
  assert.equal(entry.module, "PlainLoginModule");
  assert.deepEqual(Object.fromEntries(entry.options), {
    username: "al ice",
    password: 'p"=;',
    x: "y",
  });
  for (const text of ["", "Module", 'Module required a="secret"', "Module required a=;"]) {
    assert.throws(
      () => parseJaas(text),
      (error: Error) => !error.message.includes("secret"),
    );
  }
});

test("without anything said it is a plain connection to the default place", async () => {
  assert.deepEqual(await options(""), {
    bootstrapServers: "127.0.0.1:9092",
    clientId: "ottla-cli",
    requestTimeoutMs: 30_000,
    callTimeoutMs: 30_000,
    connectTimeoutMs: 10_000,
  });
  const { bootstrapServers } = await options("", { OTTLA_BOOTSTRAP_SERVER: "b:1" });
  assert.equal(bootstrapServers, "b:1");
});

test("a file of Kafka's settings says where, how encrypted and as whom", async () => {
  const result = await withFile(PEM, (ca) =>
    fromFile(`bootstrap.servers=kafka:9094
client.id=me
security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location=${ca}
ssl.endpoint.identification.algorithm=
ssl.enabled.protocols=TLSv1.3,TLSv1.2
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
  username="alice" password="pencil";
request.timeout.ms=5000
default.api.timeout.ms=7000
acks=all
`),
  );
  const { tls, ...rest } = result;
  assert.deepEqual(rest, {
    bootstrapServers: "kafka:9094",
    clientId: "me",
    sasl: { mechanism: "SCRAM-SHA-512", username: "alice", password: "pencil" },
    requestTimeoutMs: 5_000,
    callTimeoutMs: 7_000,
    connectTimeoutMs: 7_000,
  });
  assert.ok(typeof tls === "object");
  assert.equal(tls.ca, PEM);
  assert.equal(tls.minVersion, "TLSv1.2");
  assert.equal(tls.maxVersion, "TLSv1.3");
  assert.equal(tls.checkServerIdentity?.("any", {} as never), undefined);
});

test("single settings win over the file, and flags over both", async () => {
  const file = "bootstrap.servers=file:1\nclient.id=file\ndefault.api.timeout.ms=1000\n";
  const single = await fromFile(file, " -X bootstrap.servers=single:1");
  assert.equal(single.bootstrapServers, "single:1");
  assert.equal(single.clientId, "file");
  const flags = await fromFile(file, " -X bootstrap.servers=single:1 -b flag:1 --timeout 2");
  assert.equal(flags.bootstrapServers, "flag:1");
  assert.equal(flags.callTimeoutMs, 2_000);
});

test("a file is found through the environment too", async () => {
  const { clientId } = await withFile("client.id=e", (path) =>
    options("", { OTTLA_COMMAND_CONFIG: path }),
  );
  assert.equal(clientId, "e");
});

test("flags alone do for the usual ways in", async () => {
  const plain = await options("--tls --sasl-username alice --sasl-password p");
  assert.deepEqual(plain.tls, {});
  assert.deepEqual(plain.sasl, { mechanism: "PLAIN", username: "alice", password: "p" });
  const scram = await options("--sasl-mechanism SCRAM-SHA-256 --sasl-username a", {
    OTTLA_SASL_PASSWORD: "hidden",
  });
  assert.equal(scram.tls, undefined);
  assert.deepEqual(scram.sasl, {
    mechanism: "SCRAM-SHA-256",
    username: "a",
    password: "hidden",
  });
  const { sasl } = await options("--sasl-token abc");
  assert.ok(sasl !== undefined && "token" in sasl);
  assert.deepEqual(await sasl.token(PEER), { value: "abc" });
  const { tls } = await withFile(PEM, (ca) => options(`--tls-ca ${ca} --tls-insecure`));
  assert.ok(typeof tls === "object");
  assert.equal(String(tls.ca), PEM);
  assert.equal(tls.rejectUnauthorized, false);
});

test("unsecured tokens carry the claims of the login entry", async () => {
  const { sasl } = await fromFile(`security.protocol=SASL_PLAINTEXT
sasl.mechanism=OAUTHBEARER
sasl.jaas.config=x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="alice" extension_team="a";
`);
  assert.ok(sasl !== undefined && "token" in sasl);
  const token = await sasl.token(PEER);
  assert.deepEqual(token.extensions, { team: "a" });
  const [header, claims, signature] = token.value
    .split(".")
    .map((part) => Buffer.from(part, "base64url").toString());
  assert.equal(header, '{"alg":"none"}');
  const { sub, iat, exp } = JSON.parse(claims!);
  assert.equal(sub, "alice");
  assert.equal(Math.round(exp - iat), 3_600);
  assert.equal(signature, "");
});

test("a token may lie in a file", async () => {
  await withFile("abc.def.\n", async (path) => {
    const { sasl } = await options(
      `-X security.protocol=SASL_SSL -X sasl.mechanism=OAUTHBEARER -X sasl.oauthbearer.token.endpoint.url=file://${path}`,
    );
    assert.ok(sasl !== undefined && "token" in sasl);
    assert.equal((await sasl.token(PEER)).value, "abc.def.");
  });
});

test("what cannot be used is named, with what to do", async () => {
  const fails = (text: string, pattern: RegExp) => assert.rejects(fromFile(text), pattern);
  const sasl = "security.protocol=SASL_SSL\n";
  await fails("security.protocol=TLS", /security\.protocol "TLS" is not known/);
  await fails(sasl, /sasl\.mechanism is not set/);
  await fails(`${sasl}sasl.mechanism=GSSAPI`, /"GSSAPI" is not supported/);
  await fails(`${sasl}sasl.mechanism=PLAIN`, /sasl\.jaas\.config is not set/);
  await fails(
    `${sasl}sasl.mechanism=PLAIN\nsasl.jaas.config=x.ScramLoginModule required a=b;`,
    /has ScramLoginModule, not PlainLoginModule/,
  );
  await fails(`${sasl}sasl.login.class=com.example.Login`, /names a Java class/);
  await fails("security.protocol=SSL\nssl.truststore.location=/nowhere", /cannot read \/nowhere/);
  await fails("security.protocol=SSL\nssl.enabled.protocols=SSLv3", /takes some of TLSv1/);
  await fails("request.timeout.ms=soon", /takes a number of milliseconds/);
  await withFile(Buffer.from("feedfeed00", "hex"), async (path) => {
    const store = (kind: string) =>
      options(`-X security.protocol=SSL -X ssl.${kind}store.location=${path}`);
    await assert.rejects(store("trust"), /is not a PEM file/);
    await assert.rejects(store("key"), /neither PEM nor PKCS#12/);
  });
  await assert.rejects(options("--sasl-username a"), /needs --sasl-username and --sasl-password/);
  await assert.rejects(options("--tls-key k"), /go together/);
  await assert.rejects(options("--command-config /nowhere"), /cannot read \/nowhere/);
});
