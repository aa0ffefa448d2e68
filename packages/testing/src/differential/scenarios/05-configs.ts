import {
  alterConfigs,
  describeConfigs,
  incrementalAlterConfigs,
  type RequestInput,
} from "@ottla/protocol";
import { waitFor } from "../../wait.ts";
import type { Scenario, Session } from "../session.ts";

const TOPIC = 2;
const BROKER = 4;
const BROKER_LOGGER = 8;
const CLIENT_METRICS = 16;
const GROUP = 32;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

/** Broker settings of the list that every deployment may set. */
const BROKER_KEYS = [
  ...["advertised.listeners", "listeners", "node.id", "broker.rack", "num.partitions"],
  ...["default.replication.factor", "auto.create.topics.enable", "delete.topic.enable"],
  ...["message.max.bytes", "compression.type", "log.cleanup.policy", "log.retention.hours"],
  ...["log.retention.minutes", "log.retention.ms", "log.retention.bytes", "log.segment.bytes"],
  ...["log.retention.check.interval.ms", "log.roll.hours", "log.roll.ms", "min.insync.replicas"],
  ...["log.segment.delete.delay.ms", "log.index.interval.bytes", "log.index.size.max.bytes"],
  ...["log.message.timestamp.type", "log.message.timestamp.after.max.ms", "log.flush.interval.ms"],
  ...["log.flush.interval.messages", "log.cleaner.min.cleanable.ratio", "fetch.max.bytes"],
  ...["socket.request.max.bytes", "connections.max.idle.ms", "group.max.session.timeout.ms"],
  ...["group.initial.rebalance.delay.ms", "group.max.size", "offsets.retention.minutes"],
  ...["offset.metadata.max.bytes", "offsets.topic.num.partitions", "super.users"],
  ...["transaction.max.timeout.ms", "transactional.id.expiration.ms", "max.connections"],
  ...["producer.id.expiration.ms", "sasl.enabled.mechanisms", "ssl.client.auth"],
  ...["ssl.keystore.password", "max.incremental.fetch.session.cache.slots"],
];

type Resource = RequestInput<typeof describeConfigs>["resources"][number];

export const configs: Scenario = {
  name: "configs",
  async run(session) {
    await session.topic(session.named("plain"));
    await session.topic(session.named("changed"), 1, {
      "retention.ms": "60000",
      "cleanup.policy": "compact,delete",
    });
    await describe(session);
    await alterLegacy(session);
    await alterIncrementally(session);
    await alterBroker(session);
  },
};

const resource = (type: number, name: string, keys: string[] | null = null): Resource => ({
  resourceType: type,
  resourceName: name,
  configurationKeys: keys,
});

async function describe(session: Session): Promise<void> {
  const changed = session.named("changed");
  await session.every("a topic", describeConfigs, (version) => ({
    resources: [resource(TOPIC, changed)],
    includeSynonyms: true,
    ...(version >= 3 ? { includeDocumentation: true } : {}),
  }));
  await session.every("without synonyms", describeConfigs, () => ({
    resources: [resource(TOPIC, changed)],
  }));
  await session.every("some keys, one of them unknown", describeConfigs, () => ({
    resources: [resource(TOPIC, changed, ["retention.ms", "segment.bytes", "no.such"])],
    includeSynonyms: true,
  }));
  await session.every(
    "the broker",
    describeConfigs,
    () => ({
      resources: [resource(BROKER, "1", BROKER_KEYS)],
      includeSynonyms: true,
    }),
    {
      pick: ({ results, ...rest }) => ({
        ...rest,
        results: results.map((result) => ({
          ...result,
          configs: result.configs.map((config) =>
            config.name.endsWith("listeners") ? { ...config, value: "", synonyms: [] } : config,
          ),
        })),
      }),
    },
  );
  const odd: Readonly<Record<string, Resource[]>> = {
    "no keys": [resource(TOPIC, changed, [])],
    "unknown topic": [resource(TOPIC, session.named("none"))],
    "empty topic name": [resource(TOPIC, "")],
    "bad topic name": [resource(TOPIC, "a b")],
    "one topic twice": [
      resource(TOPIC, changed, ["retention.ms"]),
      resource(TOPIC, changed, ["segment.ms"]),
    ],
    "default of brokers": [resource(BROKER, "")],
    "unknown broker": [resource(BROKER, "77")],
    "broker that is no number": [resource(BROKER, "x")],
    "unknown type": [resource(99, "x")],
    "type 0": [resource(0, "x")],
    "client metrics": [resource(CLIENT_METRICS, "x")],
    group: [resource(GROUP, session.named("group"))],
    "group without a name": [resource(GROUP, "")],
    "unknown broker's logger": [resource(BROKER_LOGGER, "77")],
    nothing: [],
  };
  for (const [label, resources] of Object.entries(odd)) {
    await session.send(label, describeConfigs, 4, { resources });
    await session.send(label, describeConfigs, 1, { resources });
  }
}

async function alterLegacy(session: Session): Promise<void> {
  type Change = RequestInput<typeof alterConfigs>["resources"][number];
  const name = session.named("legacy");
  await session.topic(name, 1, { "retention.ms": "60000", "segment.ms": "70000" });
  const change = (
    type: number,
    to: string,
    configs: Readonly<Record<string, string | null>>,
  ): Change => ({
    resourceType: type,
    resourceName: to,
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  });
  const seen = (label: string): Promise<unknown> =>
    session.send(label, describeConfigs, 2, {
      resources: [resource(TOPIC, name, ["retention.ms", "segment.ms", "cleanup.policy"])],
    });
  await session.every("replace, validating only", alterConfigs, () => ({
    resources: [change(TOPIC, name, { "cleanup.policy": "compact" })],
    validateOnly: true,
  }));
  await seen("after validating a replacement");
  await session.every("replace", alterConfigs, (version) => ({
    resources: [change(TOPIC, name, { "retention.ms": String(80_000 + version) })],
    validateOnly: false,
  }));
  await settled(session, name, "segment.ms", null);
  await seen("after a replacement");
  const odd: Readonly<Record<string, Change[]>> = {
    "replace in an unknown topic": [change(TOPIC, session.named("none"), {})],
    "replace by an unknown key": [change(TOPIC, name, { "no.such": "1" })],
    "replace by a bad value": [change(TOPIC, name, { "retention.ms": "soon" })],
    "replace by null": [change(TOPIC, name, { "retention.ms": null })],
    "replace in an unknown type": [change(99, "x", {})],
    "replace in an unknown broker": [change(BROKER, "77", {})],
    "replace a read-only broker key": [change(BROKER, "1", { "log.dirs": "/x" })],
    "replace in nothing": [],
  };
  for (const [label, resources] of Object.entries(odd)) {
    await session.send(label, alterConfigs, 2, { resources, validateOnly: false });
    await session.send(label, alterConfigs, 0, { resources, validateOnly: true });
  }
  await session.send("replace by nothing", alterConfigs, 2, {
    resources: [change(TOPIC, name, {})],
    validateOnly: false,
  });
  await settled(session, name, "retention.ms", null);
  await seen("after replacing by nothing");
}

async function alterIncrementally(session: Session): Promise<void> {
  type Change = RequestInput<typeof incrementalAlterConfigs>["resources"][number];
  type Operation = readonly [operation: number, key: string, value: string | null];
  const name = session.named("incremental");
  await session.topic(name, 1, { "retention.ms": "60000" });
  const change = (type: number, to: string, operations: readonly Operation[]): Change => ({
    resourceType: type,
    resourceName: to,
    configs: operations.map(([configOperation, key, value]) => ({
      name: key,
      configOperation,
      value,
    })),
  });
  const seen = (label: string): Promise<unknown> =>
    session.send(label, describeConfigs, 4, {
      resources: [resource(TOPIC, name, ["retention.ms", "segment.ms", "cleanup.policy"])],
    });
  await session.every("set", incrementalAlterConfigs, (version) => ({
    resources: [change(TOPIC, name, [[SET, "segment.ms", String(70_000 + version)]])],
    validateOnly: false,
  }));
  await settled(session, name, "segment.ms", "70001");
  await seen("after set");
  const lists: readonly (readonly [string, Operation[], string | null])[] = [
    ["append to a list", [[APPEND, "cleanup.policy", "compact"]], "delete,compact"],
    ["append what is there", [[APPEND, "cleanup.policy", "compact"]], "delete,compact"],
    ["subtract from a list", [[SUBTRACT, "cleanup.policy", "delete"]], "compact"],
    ["subtract what is not there", [[SUBTRACT, "cleanup.policy", "delete"]], "compact"],
    ["subtract the last of a list", [[SUBTRACT, "cleanup.policy", "compact"]], ""],
    ["delete", [[DELETE, "cleanup.policy", null]], null],
  ];
  for (const [label, operations, result] of lists) {
    await session.send(label, incrementalAlterConfigs, 1, {
      resources: [change(TOPIC, name, operations)],
      validateOnly: false,
    });
    await settled(session, name, "cleanup.policy", result);
    await seen(`after: ${label}`);
  }
  const odd: Readonly<Record<string, Change[]>> = {
    "delete an unknown key": [change(TOPIC, name, [[DELETE, "no.such", null]])],
    "set an unknown key": [change(TOPIC, name, [[SET, "no.such", "1"]])],
    "set a bad value": [change(TOPIC, name, [[SET, "retention.ms", "soon"]])],
    "set a bad list": [change(TOPIC, name, [[SET, "cleanup.policy", "shred"]])],
    "set null": [change(TOPIC, name, [[SET, "retention.ms", null]])],
    "append to a number": [change(TOPIC, name, [[APPEND, "retention.ms", "5"]])],
    "unknown operation": [change(TOPIC, name, [[9, "retention.ms", "5"]])],
    "one key twice": [
      change(TOPIC, name, [
        [SET, "retention.ms", "5000"],
        [SET, "retention.ms", "6000"],
      ]),
    ],
    "one topic twice": [
      change(TOPIC, name, [[SET, "retention.ms", "5000"]]),
      change(TOPIC, name, [[SET, "segment.ms", "80000"]]),
    ],
    "good topic and bad topic": [
      change(TOPIC, name, [[SET, "retention.ms", "90000"]]),
      change(TOPIC, session.named("none"), [[SET, "retention.ms", "90000"]]),
    ],
    "set in an unknown type": [change(99, "x", [[SET, "a", "b"]])],
    "set in an unknown broker": [change(BROKER, "77", [[SET, "log.retention.ms", "90000"]])],
    "set a read-only broker key": [change(BROKER, "1", [[SET, "log.dirs", "/x"]])],
    "set in nothing": [],
  };
  for (const [label, resources] of Object.entries(odd)) {
    await session.send(label, incrementalAlterConfigs, 1, { resources, validateOnly: true });
    await session.send(label, incrementalAlterConfigs, 0, { resources, validateOnly: false });
  }
}

async function alterBroker(session: Session): Promise<void> {
  const key = "log.retention.ms";
  const alter = (label: string, broker: string, operation: number, value: string | null) =>
    session.send(label, incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: BROKER,
          resourceName: broker,
          configs: [{ name: key, configOperation: operation, value }],
        },
      ],
      validateOnly: false,
    });
  const seen = async (label: string, value: string | null): Promise<void> => {
    await brokerSettled(session, key, value);
    await session.send(label, describeConfigs, 4, {
      resources: [
        resource(BROKER, "1", [key]),
        resource(BROKER, "", [key]),
        resource(TOPIC, session.named("plain"), ["retention.ms"]),
      ],
      includeSynonyms: true,
    });
  };
  await alter("set for all brokers", "", SET!, "3600000");
  await seen("after setting for all brokers", "3600000");
  await alter("set for one broker", "1", SET!, "7200000");
  await seen("after setting for one broker", "7200000");
  await alter("delete for one broker", "1", DELETE!, null);
  await seen("after deleting for one broker", "3600000");
  await alter("delete for all brokers", "", DELETE!, null);
  await seen("after deleting for all brokers", null);
}

/** Waits until a topic's own setting has the value, or is gone: Kafka's brokers learn of changes a moment after the answer. */
async function settled(
  session: Session,
  topic: string,
  key: string,
  value: string | null,
): Promise<void> {
  await waitForConfig(session, resource(TOPIC, topic, [key]), (config) =>
    value === null
      ? config.configSource !== 1
      : config.configSource === 1 && config.value === value,
  );
}

async function brokerSettled(session: Session, key: string, value: string | null): Promise<void> {
  await waitForConfig(session, resource(BROKER, "1", [key]), (config) => config.value === value);
}

async function waitForConfig(
  session: Session,
  asked: Resource,
  isSettled: (config: { readonly value: string | null; readonly configSource: number }) => boolean,
): Promise<void> {
  await waitFor(
    async () => {
      const { results } = await session.quietly(describeConfigs, 2, { resources: [asked] });
      const config = results[0]?.configs[0];
      return config !== undefined && isSettled(config) ? true : null;
    },
    { what: `setting ${asked.configurationKeys}`, everyMs: 10, timeoutMs: 5_000 },
  ).catch(() => null); // The recorded answer then shows what it is instead.
}
