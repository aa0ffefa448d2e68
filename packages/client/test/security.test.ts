/** Authentication and encryption against Apache Kafka: four SASL mechanisms, TLS, both, and sessions that end. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  AuthenticationError,
  Client,
  type ClientOptions,
  isBrokerError,
  orThrow,
  type SaslOptions,
  UnsupportedError,
} from "@ottla/client";
import { freePorts, type ReferenceKafka, startReferenceKafka } from "@ottla/testing";
import { createTopic, eventually } from "./broker.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";

/** What a session lives where sessions end. Kafka takes no two authentications within one second. */
const SESSION_MS = 1_500;
/** Characters that SASLprep would change: Kafka takes them as they are. */
const PASSWORD = "\u2168 pencil,=\u00e9";
const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] as const;

const listeners = ["PLAINTEXT", "SASL", "SHORT", "TLS", "SECURE"] as const;
type Listener = (typeof listeners)[number];

let directory: string;
let certificates: Certificates;
let kafka: ReferenceKafka;
let ports: Readonly<Record<Listener, number>>;

const at = (listener: Listener) => `127.0.0.1:${ports[listener]}`;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "ottla-security-"));
  certificates = await makeCertificates(directory);
  const [controller, ...free] = await freePorts(1 + listeners.length);
  ports = Object.fromEntries(listeners.map((name, i) => [name, free[i]!])) as typeof ports;
  kafka = await startReferenceKafka({
    heap: "512M",
    port: ports.PLAINTEXT,
    properties: serverProperties(controller!),
  });
  await using admin = new Client({ bootstrapServers: at("PLAINTEXT") });
  await createTopic(admin, { name: "secure" });
  await createScramUser(admin);
});

after(async () => {
  await kafka[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function serverProperties(controller: number): Record<string, string> {
  const bound = listeners.map((name) => `${name}://${at(name)}`).join(",");
  const modules = "org.apache.kafka.common.security";
  const properties: Record<string, string> = {
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    listeners: `${bound},CONTROLLER://127.0.0.1:${controller}`,
    "advertised.listeners": bound,
    "listener.security.protocol.map":
      "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,SHORT:SASL_PLAINTEXT,TLS:SSL,SECURE:SASL_SSL",
    "listener.name.secure.sasl.enabled.mechanisms": "PLAIN",
  };
  for (const name of ["sasl", "short", "secure"]) {
    const enabled = name === "secure" ? ["PLAIN"] : MECHANISMS;
    properties[`listener.name.${name}.sasl.enabled.mechanisms`] = enabled.join(",");
    const jaas = {
      plain: `${modules}.plain.PlainLoginModule required user_alice="pencil";`,
      "scram-sha-256": `${modules}.scram.ScramLoginModule required;`,
      "scram-sha-512": `${modules}.scram.ScramLoginModule required;`,
      oauthbearer: `${modules}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    };
    for (const mechanism of enabled) {
      const key = mechanism.toLowerCase() as keyof typeof jaas;
      const prefix = `listener.name.${name}.${key}`;
      properties[`${prefix}.sasl.jaas.config`] = jaas[key];
      if (name === "short") {
        properties[`${prefix}.connections.max.reauth.ms`] = String(SESSION_MS);
      }
    }
  }
  for (const name of ["tls", "secure"]) {
    properties[`listener.name.${name}.ssl.keystore.type`] = "PEM";
    properties[`listener.name.${name}.ssl.keystore.location`] = certificates.keyStore;
  }
  return properties;
}

/** Adds the user and waits until the broker lets it in: Kafka spreads the news after it answered. */
async function createScramUser({ admin }: Client): Promise<void> {
  for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"] as const) {
    orThrow(await admin.alterScramUsers([{ user: "alice", mechanism, password: PASSWORD }]));
    await eventually(async () => {
      await using user = new Client({ bootstrapServers: at("SASL"), sasl: good[mechanism] });
      return await user.admin.listTopics().then(
        () => true,
        () => false,
      );
    });
  }
}

/** A token without a signature, which Kafka takes for tests. */
function unsecuredToken(expiresInSeconds: number): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const now = Date.now() / 1_000;
  const claims = { sub: "alice", iat: now - 60, exp: now + expiresInSeconds };
  return `${encode({ alg: "none" })}.${encode(claims)}.`;
}

const good: Readonly<Record<(typeof MECHANISMS)[number], SaslOptions>> = {
  PLAIN: { mechanism: "PLAIN", username: "alice", password: "pencil" },
  "SCRAM-SHA-256": { mechanism: "SCRAM-SHA-256", username: "alice", password: PASSWORD },
  "SCRAM-SHA-512": { mechanism: "SCRAM-SHA-512", username: "alice", password: PASSWORD },
  OAUTHBEARER: {
    mechanism: "OAUTHBEARER",
    token: async () => ({ value: unsecuredToken(600), extensions: { traceId: "7" } }),
  },
};

const bad: typeof good = {
  PLAIN: { mechanism: "PLAIN", username: "alice", password: "wrong" },
  "SCRAM-SHA-256": { mechanism: "SCRAM-SHA-256", username: "alice", password: "wrong" },
  "SCRAM-SHA-512": { mechanism: "SCRAM-SHA-512", username: "nobody", password: PASSWORD },
  OAUTHBEARER: { mechanism: "OAUTHBEARER", token: () => ({ value: unsecuredToken(-600) }) },
};

/** Writes a record and reads it back over connections of all kinds. */
async function roundTrip(options: ClientOptions): Promise<void> {
  await using client = new Client(options);
  await using producer = client.producer();
  const value = randomBytes(8).toString("hex");
  const { partition, offset } = await producer.send({ topic: "secure", value });
  await using consumer = client.consumer();
  consumer.assign([{ topic: "secure", partition, offset }]);
  const [batch] = await consumer.poll({ timeoutMs: 10_000 });
  assert.equal(batch!.toArray()[0]!.valueText(), value);
}

for (const mechanism of MECHANISMS) {
  test(`${mechanism}: good credentials get in, bad ones fail at once and for good`, async () => {
    await roundTrip({ bootstrapServers: at("SASL"), sasl: good[mechanism] });
    await using client = new Client({ bootstrapServers: at("SASL"), sasl: bad[mechanism] });
    await assert.rejects(client.admin.listTopics(), (error) =>
      isBrokerError(error, "SASL_AUTHENTICATION_FAILED"),
    );
    await using producer = client.producer({ maxBlockMs: 20_000 });
    await assert.rejects(producer.send({ topic: "secure", value: "x" }), (error) =>
      isBrokerError(error, "SASL_AUTHENTICATION_FAILED"),
    );
  });
}

for (const mechanism of ["SCRAM-SHA-256", "OAUTHBEARER"] as const) {
  test(`KIP-368, ${mechanism}: connections outlive their sessions`, async () => {
    const sockets: Socket[] = [];
    const dial = (host: string, port: number) => {
      const socket = connect({ host, port });
      sockets.push(socket);
      return socket;
    };
    const bootstrapServers = at("SHORT");
    await using client = new Client({ bootstrapServers, dial, sasl: good[mechanism] });
    await using producer = client.producer();
    const all = async () => {
      const sends = Array.from({ length: 3 }, () => producer.send({ topic: "secure", value: "a" }));
      await Promise.all([...sends, client.admin.describeCluster()]);
    };
    await all();
    const known = sockets.filter((socket) => !socket.destroyed);
    const untilMs = performance.now() + 2.5 * SESSION_MS;
    while (performance.now() < untilMs) await all();
    assert.equal(known.filter((socket) => socket.destroyed).length, 0);
    assert.deepEqual(
      sockets.filter((socket) => !socket.destroyed),
      known,
    );
  });
}

test("a mechanism that the listener does not offer is told from wrong credentials", async () => {
  const sasl = good["SCRAM-SHA-256"];
  await using client = new Client({
    bootstrapServers: at("SECURE"),
    sasl,
    tls: { ca: certificates.ca },
  });
  await assert.rejects(client.admin.listTopics(), (error) => {
    assert.ok(error instanceof UnsupportedError);
    assert.match(error.message, /the broker offers PLAIN, not SASL SCRAM-SHA-256/);
    return true;
  });
});

test("a token that cannot be had fails the call with the reason as its cause", async () => {
  const reason = new Error("the token endpoint is down");
  const token = () => Promise.reject(reason);
  const sasl: SaslOptions = { mechanism: "OAUTHBEARER", token };
  await using client = new Client({ bootstrapServers: at("SASL"), sasl });
  await assert.rejects(client.admin.listTopics(), (error) => {
    assert.ok(error instanceof AuthenticationError);
    assert.equal(error.cause, reason);
    return true;
  });
});

test("TLS: records travel to a broker whose authority is trusted, with SASL inside too", async () => {
  const tls = { ca: certificates.ca };
  await roundTrip({ bootstrapServers: at("TLS"), tls });
  await roundTrip({ bootstrapServers: at("SECURE"), tls, sasl: good.PLAIN });
});

test("TLS: a certificate of an unknown authority, or of another name, is refused at once", async () => {
  for (const tls of [true, { ca: certificates.ca, checkServerIdentity: () => new Error("no") }]) {
    await using client = new Client({ bootstrapServers: at("TLS"), tls });
    await assert.rejects(client.admin.listTopics(), (error) => {
      assert.ok(error instanceof AuthenticationError, String(error));
      assert.equal(error.method, "TLS");
      return true;
    });
  }
});
