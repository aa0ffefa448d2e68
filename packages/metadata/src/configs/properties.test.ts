import assert from "node:assert/strict";
import { it } from "node:test";
import { environmentKey, environmentProperties, parseBrokerProperties } from "./properties.ts";

it("reads a server.properties file: comments, separators, blanks, the last of a repeated key", () => {
  const text = [
    "# a comment \\",
    "  ! another",
    "",
    "node.id=1",
    "log.dirs : /tmp/a b ",
    "\tlisteners   PLAINTEXT://:9092,SSL://:9093",
    "empty=",
    "alone",
    "node.id = 2",
    "a=b=c:d",
  ].join("\r\n");
  assert.deepEqual(
    [...parseBrokerProperties(text)],
    [
      ["node.id", "2"],
      ["log.dirs", "/tmp/a b "],
      ["listeners", "PLAINTEXT://:9092,SSL://:9093"],
      ["empty", ""],
      ["alone", ""],
      ["a", "b=c:d"],
    ],
  );
});

it("joins continued lines and resolves escapes", () => {
  const text = String.raw`ssl.keystore.key=-----BEGIN\
    \nabc\n\
  END
path=C:\\kafka\\
k\=1\:2\ x=\u00e9\t\q
last=x\
`;
  assert.deepEqual(
    [...parseBrokerProperties(text)],
    [
      ["ssl.keystore.key", "-----BEGIN\nabc\nEND"],
      ["path", "C:\\kafka\\"],
      ["k=1:2 x", "é\tq"],
      ["last", "x"],
    ],
  );
});

it("reads KAFKA_ variables as keys: _ for a dot, __ for an underscore, ___ for a dash", () => {
  assert.equal(environmentKey("KAFKA_LOG_RETENTION_MS"), "log.retention.ms");
  assert.equal(environmentKey("KAFKA_A__B___C_D"), "a_b-c.d");
  const environment = {
    KAFKA_NUM_PARTITIONS: "4",
    KAFKA_HEAP_OPTS: "-Xmx1g",
    KAFKA_LOG4J_OPTS: "x",
    KAFKA_UNSET: undefined,
    CLUSTER_ID: "x",
    HOME: "/root",
  };
  assert.deepEqual([...environmentProperties(environment)], [["num.partitions", "4"]]);
});
