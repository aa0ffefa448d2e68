import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidConfig } from "../errors.ts";
import { applyConfigChanges, type ConfigOperation, replaceConfigs } from "./alter.ts";
import { BrokerConfig } from "./broker-config.ts";
import { BROKER_CONFIGS } from "./broker-configs.ts";
import { int, parseConfig } from "./definition.ts";
import {
  describeBrokerConfigs,
  describeBrokerDefaults,
  describeClientMetricsConfigs,
  describeGroupConfigs,
  describeTopicConfigs,
} from "./describe.ts";
import { GROUP_CONFIGS } from "./group-configs.ts";
import { toLogConfig } from "./topic-config.ts";
import { TOPIC_CONFIGS } from "./topic-configs.ts";
import {
  validateBrokerConfigs,
  validateClientMetricsConfigs,
  validateGroupConfigs,
  validateTopicConfigs,
} from "./validate.ts";

type Pairs = Record<string, string>;

function map(pairs: Pairs = {}): Map<string, string> {
  return new Map(Object.entries(pairs));
}

function brokerWith(given: Pairs = {}, dynamicBroker: Pairs = {}, dynamicDefault: Pairs = {}) {
  const config = BrokerConfig.resolve({ layers: [map(given)] });
  return config.withDynamic(map(dynamicBroker), map(dynamicDefault));
}

describe("config definitions", () => {
  it("have unique names and defaults within their own limits", () => {
    for (const table of [BROKER_CONFIGS, TOPIC_CONFIGS, GROUP_CONFIGS]) {
      assert.equal(new Set(table.map((one) => one.name)).size, table.length);
      for (const definition of table) {
        if (definition.defaultValue !== null) {
          parseConfig(definition, definition.defaultValue);
        }
      }
    }
    assert.equal(TOPIC_CONFIGS.length, 34);
    assert.equal(GROUP_CONFIGS.length, 17);
    assert.equal(BROKER_CONFIGS.length, 362);
  });
});

describe("BrokerConfig", () => {
  it("takes flags before environment before file before defaults", () => {
    const config = BrokerConfig.resolve({
      layers: [
        map({ "num.partitions": "3" }),
        map({ "num.partitions": "4", "log.dirs": "/env" }),
        map({ "log.dirs": "/file", "auto.create.topics.enable": " FALSE " }),
      ],
      defaults: map({ "log.dir": "./data" }),
    });
    assert.equal(config.number("num.partitions"), 3);
    assert.deepEqual(config.list("log.dirs"), ["/env"]);
    assert.equal(config.boolean("auto.create.topics.enable"), false);
    assert.equal(config.string("log.dir"), "./data");
    assert.equal(config.number("message.max.bytes"), 1_048_588);
    assert.equal(config.value("broker.rack"), null);
    assert.throws(() => config.string("broker.rack"), InvalidConfig);
  });

  it("warns of unknown keys and refuses wrong values of known ones", () => {
    const config = brokerWith({ "my.key": "1", "zookeeper.connect": "x", "num.io.threads": "2" });
    assert.equal(config.warnings.length, 2);
    assert.match(config.warnings[0]!, /my\.key/);
    assert.throws(() => brokerWith({ "num.partitions": "0" }), {
      message: "Invalid value 0 for configuration num.partitions: Value must be at least 1",
    });
    assert.throws(() => brokerWith({ "listener.name.x.ssl.client.auth": "maybe" }), InvalidConfig);
  });

  it("knows configs beyond Kafka's when told", () => {
    const config = BrokerConfig.resolve({
      layers: [map({ "ottla.journal.bytes": "7" })],
      definitions: [int("ottla.journal.bytes", 5)],
    });
    assert.equal(config.number("ottla.journal.bytes"), 7);
    assert.deepEqual(config.warnings, []);
  });

  it("takes node.id and broker.id for one thing", () => {
    assert.equal(brokerWith({ "broker.id": "5" }).number("node.id"), 5);
    assert.equal(brokerWith({ "node.id": "6" }).number("broker.id"), 6);
  });

  it("AD5: a value of this broker wins over all brokers', over the given one, over the default", () => {
    const key = "log.segment.bytes";
    assert.equal(brokerWith().number(key), 1_073_741_824);
    assert.equal(brokerWith({ [key]: "100" }).number(key), 100);
    assert.equal(brokerWith({ [key]: "100" }, {}, { [key]: "200" }).number(key), 200);
    assert.equal(brokerWith({ [key]: "100" }, { [key]: "300" }, { [key]: "200" }).number(key), 300);
  });

  it("converts times given in larger units, the finest unit first", () => {
    const duration = (given: Pairs) => brokerWith(given).durationMs("log.retention.ms");
    assert.equal(duration({}), 168 * 3_600_000);
    assert.equal(duration({ "log.retention.hours": "1" }), 3_600_000);
    assert.equal(duration({ "log.retention.hours": "1", "log.retention.minutes": "2" }), 120_000);
    assert.equal(duration({ "log.retention.minutes": "2", "log.retention.ms": "7" }), 7);
    assert.equal(duration({ "log.retention.hours": "-1" }), -1);
  });

  it("lets a listener override what holds for all", () => {
    const config = brokerWith({
      "sasl.enabled.mechanisms": "PLAIN",
      "listener.name.ext.sasl.enabled.mechanisms": "SCRAM-SHA-256",
      "listener.name.ext.plain.sasl.jaas.config": "secret",
    });
    assert.equal(config.listenerText("EXT", "sasl.enabled.mechanisms"), "SCRAM-SHA-256");
    assert.equal(config.listenerText("INT", "sasl.enabled.mechanisms"), "PLAIN");
    assert.deepEqual(config.warnings, []);
    assert.equal(config.definition("listener.name.ext.plain.sasl.jaas.config")?.type, "PASSWORD");
  });

  it("leaves out a dynamic value that it cannot parse", () => {
    assert.equal(brokerWith({}, { "num.io.threads": "many" }).number("num.io.threads"), 8);
  });
});

describe("validateTopicConfigs", () => {
  const refused = (name: string, text: string) =>
    validateTopicConfigs(map({ [name]: text }), brokerWith());

  it("AD1: refuses wrong values in Kafka's words, as INVALID_CONFIG", () => {
    const cases: [string, string, string][] = [
      ["nope", "1", "Unknown topic config name: nope"],
      [
        "retention.ms",
        "abc",
        "Invalid value abc for configuration retention.ms: Not a number of type LONG",
      ],
      [
        "retention.ms",
        "-2",
        "Invalid value -2 for configuration retention.ms: Value must be at least -1",
      ],
      [
        "retention.ms",
        "",
        "Invalid value  for configuration retention.ms: Not a number of type LONG",
      ],
      [
        "segment.ms",
        "1_000",
        "Invalid value 1_000 for configuration segment.ms: Not a number of type LONG",
      ],
      [
        "segment.bytes",
        "99999999999",
        "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT",
      ],
      [
        "segment.bytes",
        "13",
        "Invalid value 13 for configuration segment.bytes: Value must be at least 14",
      ],
      [
        "cleanup.policy",
        "foo",
        "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
      ],
      [
        "compression.type",
        "GZIP",
        "Invalid value GZIP for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
      ],
      [
        "compression.gzip.level",
        "0",
        "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
      ],
      [
        "compression.lz4.level",
        "18",
        "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
      ],
      [
        "min.cleanable.dirty.ratio",
        "2",
        "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
      ],
      [
        "preallocate",
        "yes",
        "Invalid value yes for configuration preallocate: Expected value to be either true or false",
      ],
      [
        "leader.replication.throttled.replicas",
        "x",
        "Invalid value [x] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
      ],
      [
        "remote.storage.enable",
        "true",
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
      ],
    ];
    for (const [name, text, message] of cases) {
      const problem = refused(name, text);
      assert.equal(problem?.message, message);
      assert.equal(problem?.kind, "config");
    }
  });

  it("AD1: accepts what Kafka accepts", () => {
    const cases: [string, string][] = [
      ["cleanup.policy", ""],
      ["cleanup.policy", " compact , delete "],
      ["cleanup.policy", "delete,delete"],
      ["preallocate", " TRUE "],
      ["segment.ms", "+5"],
      ["max.message.bytes", " 5000 "],
      ["retention.bytes", "-100"],
      ["min.cleanable.dirty.ratio", "1e-1"],
      ["min.insync.replicas", "3"],
      ["leader.replication.throttled.replicas", "1:2,3:4"],
      ["segment.bytes", "14"],
    ];
    for (const [name, text] of cases) {
      assert.equal(refused(name, text), null, `${name}=${text}`);
    }
  });

  it("AD1: refuses null values and lags that contradict each other", () => {
    assert.equal(
      validateTopicConfigs(new Map([["retention.ms", null]]), brokerWith())?.message,
      "Null value not supported for topic configs: retention.ms",
    );
    const lags = map({ "min.compaction.lag.ms": "200", "max.compaction.lag.ms": "100" });
    assert.equal(
      validateTopicConfigs(lags, brokerWith())?.message,
      "conflict topic config setting min.compaction.lag.ms (200) > max.compaction.lag.ms (100)",
    );
  });
});

describe("validateBrokerConfigs", () => {
  const refused = (name: string, text: string, isDefault = false) =>
    validateBrokerConfigs(map({ [name]: text }), brokerWith(), isDefault);

  it("AD5: refuses what is fixed at start, wrong values, and a broker's own configs for all", () => {
    const cases: [string, string, boolean, string][] = [
      ["num.partitions", "4", false, "Cannot update these configs dynamically: [num.partitions]"],
      [
        "log.retention.hours",
        "5",
        true,
        "Cannot update these configs dynamically: [log.retention.hours]",
      ],
      [
        "log.retention.ms",
        "x",
        true,
        "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
      ],
      [
        "ssl.keystore.location",
        "/x",
        false,
        "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.location]",
      ],
      [
        "listener.name.p.ssl.keystore.type",
        "PEM",
        true,
        "Cannot update these configs at default cluster level, broker id must be specified: [listener.name.p.ssl.keystore.type]",
      ],
      [
        "sasl.enabled.mechanisms",
        "PLAIN",
        true,
        "Cannot update these configs at default cluster level, broker id must be specified: [sasl.enabled.mechanisms]",
      ],
    ];
    for (const [name, text, isDefault, message] of cases) {
      const problem = refused(name, text, isDefault);
      assert.equal(problem?.message, message);
      assert.equal(problem?.kind, "request");
    }
  });

  it("AD5: accepts dynamic configs, and unknown ones", () => {
    for (const name of ["log.segment.bytes", "max.connections", "nope", "message.max.bytes"]) {
      assert.equal(refused(name, "20000", true), null, name);
    }
    assert.equal(refused("listener.name.p.max.connections", "10", true), null);
    assert.equal(refused("listener.name.p.ssl.keystore.type", "PEM"), null);
  });

  it("AD5: refuses limits under which nobody could connect any more, and take them back", () => {
    for (const name of ["max.connections", "max.connection.creation.rate"]) {
      assert.equal(refused(name, "0", true)?.message, `Invalid ${name} 0`);
      const own = `listener.name.plaintext.${name}`;
      assert.equal(refused(own, "0")?.message, `Invalid ${name} 0`);
      assert.equal(refused(own, "1"), null);
      assert.equal(refused(`listener.name.other.${name}`, "0"), null, "there is no such listener");
      const served = brokerWith({ [own]: "5" });
      const isHard = name === "max.connections";
      assert.equal(validateBrokerConfigs(map({ [name]: "0" }), served, true) !== null, isHard);
    }
    const perAddress = "max.connections.per.ip";
    const onlySome = { [perAddress]: "0", [`${perAddress}.overrides`]: "10.0.0.1:5" };
    assert.match(refused(perAddress, "0")?.message ?? "", /can be set to zero only if/);
    assert.equal(validateBrokerConfigs(map(onlySome), brokerWith(), true), null);
    assert.throws(() => brokerWith({ [perAddress]: "0" }), InvalidConfig);
    assert.equal(brokerWith(onlySome).number(perAddress), 0);
  });
});

describe("configs of groups and client metrics", () => {
  it("AD5: keeps a group's configs within the broker's bounds", () => {
    const refused = (name: string, text: string) =>
      validateGroupConfigs("g", map({ [name]: text }), brokerWith())?.message ?? null;
    assert.equal(refused("consumer.session.timeout.ms", "50000"), null);
    assert.equal(refused("share.auto.offset.reset", "by_duration:PT1H"), null);
    assert.equal(
      refused("consumer.session.timeout.ms", "1"),
      "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
    );
    assert.equal(
      refused("consumer.heartbeat.interval.ms", "60000"),
      "consumer.heartbeat.interval.ms must be less than or equal to group.consumer.max.heartbeat.interval.ms",
    );
    assert.equal(refused("nope", "1"), "Unknown group config name: nope");
    assert.match(
      refused("share.auto.offset.reset", "by_duration:P")!,
      /either 'earliest', 'latest'/,
    );
    assert.equal(validateGroupConfigs("", map(), brokerWith())?.kind, "request");
  });

  it("AD4: describes a group's configs over the broker's", () => {
    const entries = describeGroupConfigs(
      brokerWith({ "group.consumer.session.timeout.ms": "46000" }),
      map({ "consumer.heartbeat.interval.ms": "6000" }),
    );
    assert.equal(entries.length, 17);
    const find = (name: string) => entries.find((entry) => entry.name === name)!;
    assert.equal(find("consumer.heartbeat.interval.ms").source, 8);
    assert.deepEqual(find("consumer.session.timeout.ms").synonyms, [
      { name: "group.consumer.session.timeout.ms", value: "46000", source: 4 },
      { name: "group.consumer.session.timeout.ms", value: "45000", source: 5 },
    ]);
    assert.equal(find("share.isolation.level").value, "read_uncommitted");
  });

  it("checks and describes client-metrics subscriptions (KIP-714)", () => {
    const refused = (name: string, text: string) =>
      validateClientMetricsConfigs("m", map({ [name]: text }));
    assert.equal(refused("interval.ms", "1")?.kind, "request");
    assert.equal(refused("nope", "1")?.message, "Unknown client metrics configuration: nope");
    assert.equal(refused("match", "foo")?.message, "Illegal client matching pattern: foo");
    assert.equal(refused("match", "client_id=x"), null);
    const entries = describeClientMetricsConfigs(map({ "interval.ms": "500" }));
    assert.deepEqual(
      entries.map((entry) => [entry.name, entry.value, entry.source]),
      [
        ["interval.ms", "500", 7],
        ["match", "", 5],
        ["metrics", "", 5],
      ],
    );
  });
});

describe("describeTopicConfigs", () => {
  it("AD4: names every place a value is set, strongest first", () => {
    const broker = brokerWith(
      { "log.retention.hours": "100", "log.roll.ms": "500000000", "log.segment.bytes": "20000000" },
      { "log.retention.ms": "1000" },
      { "log.retention.ms": "2000", "log.segment.bytes": "30000000" },
    );
    const entries = describeTopicConfigs(broker, map({ "segment.ms": "+5", "cleanup.policy": "" }));
    assert.equal(entries.length, 33);
    const find = (name: string) => entries.find((entry) => entry.name === name)!;
    assert.deepEqual(find("segment.ms"), {
      name: "segment.ms",
      value: "5",
      readOnly: false,
      source: 1,
      isSensitive: false,
      synonyms: [
        { name: "segment.ms", value: "5", source: 1 },
        { name: "log.roll.ms", value: "500000000", source: 4 },
        { name: "log.roll.hours", value: "168", source: 5 },
      ],
      type: 5,
      documentation: "Time after which a new segment is begun though the last is not full.",
    });
    assert.deepEqual(
      find("retention.ms").synonyms.map(({ name, value, source }) => [name, value, source]),
      [
        ["log.retention.ms", "1000", 2],
        ["log.retention.ms", "2000", 3],
        ["log.retention.hours", "100", 4],
        ["log.retention.hours", "168", 5],
      ],
    );
    assert.equal(find("segment.bytes").value, "30000000");
    assert.equal(find("segment.bytes").source, 3);
    assert.equal(find("cleanup.policy").value, "");
    assert.deepEqual(find("segment.jitter.ms").synonyms, []);
    assert.equal(find("flush.ms").value, "9223372036854775807");
  });

  it("AD4: has no synonyms for a time that is only set in other units", () => {
    const [entry] = describeTopicConfigs(brokerWith({ "log.retention.hours": "100" }), map(), [
      "retention.ms",
    ]);
    assert.equal(entry?.value, "360000000");
    assert.equal(entry?.source, 5);
    assert.deepEqual(entry?.synonyms, []);
  });

  it("AD4: describes only the keys asked for, and an internal one only when set", () => {
    const only = describeTopicConfigs(brokerWith(), map(), ["retention.ms", "nope"]);
    assert.deepEqual(
      only.map((entry) => entry.name),
      ["retention.ms"],
    );
    const set = describeTopicConfigs(brokerWith(), map({ "internal.segment.bytes": "100" }));
    assert.equal(set.length, 34);
  });
});

describe("describeBrokerConfigs", () => {
  const broker = brokerWith(
    {
      "node.id": "1",
      "my.key": "s3cr3t",
      "ssl.key.password": "s3cr3t",
      "log.retention.hours": "9",
    },
    { "listener.name.plaintext.ssl.keystore.type": "PEM" },
    { "num.io.threads": "9", nope: "5" },
  );
  const entries = describeBrokerConfigs(broker);
  const find = (name: string) => entries.find((entry) => entry.name === name)!;

  it("AD4: lists all configs, marks those fixed at start, and says where each is set", () => {
    assert.ok(entries.length > 340);
    assert.equal(find("num.io.threads").readOnly, false);
    assert.equal(find("num.io.threads").source, 3);
    assert.equal(find("num.partitions").readOnly, true);
    assert.equal(find("broker.id").source, 4);
    assert.equal(find("log.retention.hours").value, "9");
    assert.equal(find("listener.name.plaintext.ssl.keystore.type").readOnly, true);
    assert.deepEqual(find("listener.name.plaintext.ssl.keystore.type").synonyms, [
      { name: "listener.name.plaintext.ssl.keystore.type", value: "PEM", source: 2 },
      { name: "ssl.keystore.type", value: "JKS", source: 5 },
    ]);
    assert.equal(find("log.cleaner.io.max.bytes.per.second").value, "1.7976931348623157E308");
    assert.equal(find("unstable.api.versions.enable"), undefined);
  });

  it("AD4: shows no secret, and no value of a key that nobody knows", () => {
    for (const name of ["ssl.key.password", "my.key"]) {
      assert.equal(find(name).value, null);
      assert.equal(find(name).isSensitive, true);
    }
    assert.equal(find("my.key").type, 0);
    assert.ok(!JSON.stringify(entries).includes("s3cr3t"));
  });

  it("AD4: describes what was changed for all brokers by itself", () => {
    assert.deepEqual(
      describeBrokerDefaults(broker).map(({ name, value, source }) => [name, value, source]),
      [
        ["num.io.threads", "9", 3],
        ["nope", null, 3],
      ],
    );
  });
});

describe("applyConfigChanges", () => {
  const apply = (current: Pairs, operation: ConfigOperation, name: string, value: string | null) =>
    applyConfigChanges("topic", map(current), [{ name, operation, value }], brokerWith());

  it("AD6: appends and subtracts entries of a list, from the default if nothing is set", () => {
    const cases: [string | null, ConfigOperation, string, string][] = [
      [null, "append", "compact", "delete,compact"],
      ["delete", "append", "compact", "delete,compact"],
      ["delete,compact", "append", "compact", "delete,compact"],
      ["delete", "append", "delete,delete", "delete"],
      ["", "append", "compact", "compact"],
      ["delete,compact", "subtract", "foo", "delete,compact"],
      ["delete,compact", "subtract", "delete", "compact"],
      ["delete,compact", "subtract", "compact, delete", ""],
      [null, "subtract", "delete", ""],
    ];
    for (const [current, operation, value, expected] of cases) {
      const set: Pairs = current === null ? {} : { "cleanup.policy": current };
      const { changes, after } = apply(set, operation, "cleanup.policy", value);
      assert.equal(changes.get("cleanup.policy"), expected, `${current} ${operation} ${value}`);
      assert.equal(after.get("cleanup.policy"), expected);
    }
  });

  it("AD6: refuses list operations on anything else", () => {
    assert.throws(() => apply({}, "append", "retention.ms", "5"), {
      message: "Can't APPEND to key retention.ms because its type is not LIST.",
    });
    assert.throws(() => apply({}, "subtract", "nope", "5"), {
      message: "Can't SUBTRACT to key nope because its type is not LIST.",
    });
  });

  it("AD6: refuses a key twice and a missing value", () => {
    const change = { name: "retention.ms", operation: "set", value: "5" } as const;
    const both = () => applyConfigChanges("topic", map(), [change, change], brokerWith());
    assert.throws(both, { kind: "request" });
    assert.throws(() => apply({}, "set", "retention.ms", null), { kind: "request" });
    assert.deepEqual([...apply({}, "delete", "nope", null).changes], [["nope", null]]);
  });

  it("refuses to replace by a missing value or by one name twice", () => {
    const request = { kind: "request" };
    assert.throws(() => replaceConfigs(map(), [{ name: "a", value: null }]), request);
    const twice = [
      { name: "a", value: "1" },
      { name: "a", value: "2" },
    ];
    assert.throws(() => replaceConfigs(map(), twice), request);
  });

  it("replaces all configs of a resource", () => {
    const current = map({ a: "1", b: "2" });
    const { changes } = replaceConfigs(current, [{ name: "b", value: "3" }]);
    assert.deepEqual(
      [...changes],
      [
        ["b", "3"],
        ["a", null],
      ],
    );
  });
});

describe("toLogConfig", () => {
  it("gives the log its configs in its own units, with no limit as infinity", () => {
    const config = toLogConfig(brokerWith(), map());
    assert.deepEqual(config.cleanupPolicy, { delete: true, compact: false });
    assert.equal(config.retentionMs, 604_800_000);
    assert.equal(config.segmentMs, 604_800_000);
    assert.equal(config.flushMs, Number.POSITIVE_INFINITY);
    assert.equal(config.timestampBeforeMaxMs, Number.POSITIVE_INFINITY);
    assert.equal(config.timestampAfterMaxMs, 3_600_000);
    assert.deepEqual(config.compressionLevels, { gzip: -1, lz4: 9, zstd: 3 });
    assert.equal(config.minCleanableDirtyRatio, 0.5);
  });

  it("lets a topic override the broker, and shares what is not overridden", () => {
    const broker = brokerWith({ "log.retention.minutes": "1", "message.max.bytes": "99" });
    const overrides = map({ "cleanup.policy": "compact", "segment.bytes": "20" });
    const config = toLogConfig(broker, overrides);
    assert.deepEqual(config.cleanupPolicy, { delete: false, compact: true });
    assert.equal(config.segmentBytes, 20);
    assert.equal(config.retentionMs, 60_000);
    assert.equal(config.maxMessageBytes, 99);
    assert.equal(toLogConfig(broker, map()), toLogConfig(broker, map()));
    assert.notEqual(
      toLogConfig(broker.withDynamic(map(), map()), map()),
      toLogConfig(broker, map()),
    );
  });
});
