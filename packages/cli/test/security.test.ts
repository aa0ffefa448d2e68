/** The ways into a cluster that wants to know who comes: files of Kafka's settings and flags, against Apache Kafka. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freePorts, type ReferenceKafka, runOrThrow, startReferenceKafka } from "@ottla/testing";
import { ottla, temporaryDirectory } from "./ottla.ts";

const PASSWORD = 'p"\\=; x';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let kafka: ReferenceKafka;
let secure: string;

const at = (name: string) => join(directory.path, name);

before(async () => {
  directory = await temporaryDirectory();
  await makeCertificate();
  const [plain, encrypted, controller] = await freePorts(3);
  secure = `127.0.0.1:${encrypted}`;
  const listeners = `PLAINTEXT://127.0.0.1:${plain},SECURE://${secure}`;
  const jaas = PASSWORD.replace(/["\\]/g, "\\$&");
  kafka = await startReferenceKafka({
    heap: "512M",
    port: plain!,
    properties: {
      "controller.quorum.voters": `1@127.0.0.1:${controller}`,
      listeners: `${listeners},CONTROLLER://127.0.0.1:${controller}`,
      "advertised.listeners": listeners,
      "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL",
      "listener.name.secure.sasl.enabled.mechanisms": "PLAIN",
      // Once more, because the file that it stands in takes backslashes for itself.
      "listener.name.secure.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="${jaas.replaceAll("\\", "\\\\")}";`,
      "listener.name.secure.ssl.keystore.type": "PEM",
      "listener.name.secure.ssl.keystore.location": at("server.pem"),
    },
  });
});

after(async () => {
  await kafka[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** A certificate that signs itself, so that it is its own authority. */
async function makeCertificate(): Promise<void> {
  await runOrThrow("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-keyout", at("key.pem"), "-out", at("ca.pem"), "-days", "2"],
    ...["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"],
  ]);
  const both = await Promise.all([readFile(at("key.pem")), readFile(at("ca.pem"))]);
  await writeFile(at("server.pem"), Buffer.concat(both));
}

test("a file of Kafka's own client settings leads in", async () => {
  const jaas = PASSWORD.replace(/["\\]/g, "\\$&").replaceAll("\\", "\\\\");
  await writeFile(
    at("client.properties"),
    `bootstrap.servers=${secure}
security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location=${at("ca.pem")}
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
    username="alice" password="${jaas}";
`,
  );
  const config = ["--command-config", at("client.properties")];
  const created = await ottla(["topic", "create", "locked", "-p", "2", ...config]);
  assert.equal(created.stdout, "created locked with 2 partitions\n", created.stderr);
  const sent = await ottla(["produce", "locked", ...config], { input: "one\n" });
  assert.equal(sent.code, 0, sent.stderr);
  const read = await ottla(["consume", "locked"], {
    env: { OTTLA_COMMAND_CONFIG: at("client.properties") },
  });
  assert.equal(read.stdout, "one\n");
});

test("flags lead in too, with the password from the environment", async () => {
  const flags = ["-b", secure, "--tls-ca", at("ca.pem"), "--sasl-username", "alice"];
  const env = { OTTLA_SASL_PASSWORD: PASSWORD };
  const listed = await ottla(["topic", "list", ...flags], { env });
  assert.equal(listed.code, 0, listed.stderr);
  const blind = ["-b", secure, "--tls-insecure", "--sasl-username", "alice"];
  assert.equal((await ottla(["topic", "list", ...blind], { env })).code, 0);
});

test("a wrong password and a certificate that is not trusted fail at once and say so", async () => {
  const flags = ["-b", secure, "--tls-ca", at("ca.pem"), "--sasl-username", "alice"];
  const refused = await ottla(["topic", "list", ...flags, "--sasl-password", "wrong"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /SASL_AUTHENTICATION_FAILED/);
  assert.doesNotMatch(refused.stderr, /wrong|\n {2}at /);
  const plain = await ottla(["topic", "list", "-b", secure, "--timeout", "5"]);
  assert.equal(plain.code, 1);
  assert.match(plain.stderr, /If it wants TLS, add --tls\./);
  const untrusted = await ottla(["topic", "list", "-b", secure, "--tls"]);
  assert.equal(untrusted.code, 1);
  assert.match(untrusted.stderr, /self.signed certificate/);
});
