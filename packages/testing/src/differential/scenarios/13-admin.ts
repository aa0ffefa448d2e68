import {
  alterPartitionReassignments,
  alterReplicaLogDirs,
  createAcls,
  createDelegationToken,
  deleteAcls,
  describeAcls,
  describeDelegationToken,
  describeLogDirs,
  describeQuorum,
  electLeaders,
  expireDelegationToken,
  incrementalAlterConfigs,
  listConfigResources,
  type RequestInput,
  renewDelegationToken,
  unregisterBroker,
  updateFeatures,
} from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";

/** What admin clients ask that means little with one broker and one copy. */
export const admin: Scenario = {
  name: "admin",
  async run(session) {
    await elections(session);
    await reassignments(session);
    await logDirectories(session);
    await quorum(session);
    await features(session);
    await configResources(session);
    await accessControl(session);
    await tokens(session);
    for (const brokerId of [9, -1, 2_000_000_000]) {
      await session.send(`unregister broker ${brokerId}`, unregisterBroker, 0, { brokerId });
    }
  },
};

async function elections(session: Session): Promise<void> {
  const topic = session.named("elected");
  await session.topic(topic, 2);
  const request = (
    version: number,
    topicPartitions: RequestInput<typeof electLeaders>["topicPartitions"],
    electionType: number,
  ) => ({ ...(version >= 1 ? { electionType } : {}), topicPartitions, timeoutMs: 5_000 });
  for (const [name, type] of [
    ["preferred", 0],
    ["unclean", 1],
    ["unknown", 9],
  ] as const) {
    const asked = (version: number): boolean => version >= 1 || type === 0;
    await session.every(`${name} election`, electLeaders, (version) =>
      asked(version) ? request(version, [{ topic, partitions: [0, 1] }], type) : null,
    );
    await session.every(`${name} election of unknown partitions`, electLeaders, (version) =>
      asked(version)
        ? request(
            version,
            [
              { topic, partitions: [0, 7] },
              { topic: session.named("none"), partitions: [0] },
            ],
            type,
          )
        : null,
    );
    await session.every(`${name} election of all`, electLeaders, (version) =>
      asked(version) ? request(version, null, type) : null,
    );
    await session.every(`${name} election of none`, electLeaders, (version) =>
      asked(version) ? request(version, [], type) : null,
    );
  }
  await session.every("election of one partition twice", electLeaders, (version) =>
    request(version, [{ topic, partitions: [0, 0] }], 0),
  );
}

async function reassignments(session: Session): Promise<void> {
  const name = session.named("placed");
  await session.topic(name, 2);
  const placements: Readonly<Record<string, readonly number[] | null>> = {
    "where it is": [1],
    cancelled: null,
    "to an unknown broker": [9],
    "to a broker more": [1, 9],
    "to nobody": [],
    "to one broker twice": [1, 1],
    "to a negative broker": [-1],
  };
  for (const [label, replicas] of Object.entries(placements)) {
    await session.every(`reassignment ${label}`, alterPartitionReassignments, () => ({
      timeoutMs: 5_000,
      topics: [{ name, partitions: [{ partitionIndex: 0, replicas }] }],
    }));
    await session.send(
      `reassignment ${label}, the number of replicas kept`,
      alterPartitionReassignments,
      1,
      {
        timeoutMs: 5_000,
        allowReplicationFactorChange: false,
        topics: [{ name, partitions: [{ partitionIndex: 0, replicas }] }],
      },
    );
  }
  await session.every("reassignment of the unknown", alterPartitionReassignments, () => ({
    timeoutMs: 5_000,
    topics: [
      { name, partitions: [{ partitionIndex: 9, replicas: [1] }] },
      { name: session.named("none"), partitions: [{ partitionIndex: 0, replicas: [1] }] },
    ],
  }));
  await session.every("reassignment of nothing", alterPartitionReassignments, () => ({
    timeoutMs: 5_000,
    topics: [],
  }));
}

async function logDirectories(session: Session): Promise<void> {
  const name = session.named("moved");
  await session.topic(name, 2);
  const { results } = await session.quietly(describeLogDirs, 4, { topics: [] });
  const here = results[0]!.logDir;
  for (const [label, path] of [
    ["where it is", here],
    ["to an unknown directory", "/no/such/directory"],
    ["to a relative path", "relative"],
    ["to nowhere", ""],
  ] as const) {
    await session.every(`moving ${label}`, alterReplicaLogDirs, () => ({
      dirs: [
        {
          path,
          topics: [
            { name, partitions: [0, 7] },
            { name: session.named("none"), partitions: [0] },
          ],
        },
      ],
    }));
  }
  await session.every("moving nothing", alterReplicaLogDirs, () => ({ dirs: [] }));
}

async function quorum(session: Session): Promise<void> {
  const topic = (topicName: string, ...indexes: number[]) => ({
    topicName,
    partitions: indexes.map((partitionIndex) => ({ partitionIndex })),
  });
  // Offsets and times of the metadata log are each broker's own.
  await session.every(
    "quorum",
    describeQuorum,
    () => ({ topics: [topic("__cluster_metadata", 0)] }),
    {
      pick: (body) => ({
        ...body,
        topics: body.topics.map((each) => ({
          ...each,
          partitions: each.partitions.map(({ currentVoters, observers, ...partition }) => ({
            ...partition,
            leaderEpoch: partition.leaderEpoch > 0,
            highWatermark: partition.highWatermark > 0,
            voters: currentVoters.map(({ replicaId }) => replicaId),
            observers: observers.length,
          })),
        })),
        nodes: body.nodes.map(({ nodeId }) => nodeId),
      }),
    },
  );
  for (const [label, topics] of Object.entries({
    "of another topic": [topic(session.named("none"), 0)],
    "of another partition": [topic("__cluster_metadata", 1)],
    "of two partitions": [topic("__cluster_metadata", 0, 1)],
    "of two topics": [topic("__cluster_metadata", 0), topic(session.named("none"), 0)],
    "of nothing": [],
  })) {
    await session.every(`quorum ${label}`, describeQuorum, () => ({ topics }));
  }
}

/** Nothing here changes a level: others depend on them. */
async function features(session: Session): Promise<void> {
  const change = (
    version: number,
    feature: string,
    maxVersionLevel: number,
    upgradeType = 1,
  ): RequestInput<typeof updateFeatures> => ({
    timeoutMs: 5_000,
    featureUpdates: [
      {
        feature,
        maxVersionLevel,
        ...(version === 0 ? { allowDowngrade: upgradeType > 1 } : { upgradeType }),
      },
    ],
    ...(version === 0 ? {} : { validateOnly: true }),
  });
  for (const [label, feature, level] of [
    ["an unknown feature", "no.such.feature", 1],
    ["a level too high", "transaction.version", 99],
    ["the level it has", "transaction.version", 2],
    ["a negative level", "transaction.version", -1],
    ["no name", "", 1],
  ] as const) {
    await session.every(`upgrade to ${label}`, updateFeatures, (version) =>
      change(version, feature, level),
    );
  }
  for (const [label, level, type] of [
    ["upgrade to a lower level", 1, 1],
    ["safe downgrade", 1, 2],
    ["unsafe downgrade", 1, 3],
    ["safe downgrade to nothing", 0, 2],
    ["downgrade to a higher level", 3, 2],
    ["update of an unknown kind", 1, 9],
  ] as const) {
    await session.every(label, updateFeatures, (version) =>
      version === 0 ? null : change(version, "transaction.version", level, type),
    );
  }
  await session.every("update of one feature twice", updateFeatures, (version) => {
    const { featureUpdates, ...rest } = change(version, "transaction.version", 2);
    return { ...rest, featureUpdates: [...featureUpdates, ...featureUpdates] };
  });
  await session.every("update of no feature", updateFeatures, () => ({
    timeoutMs: 5_000,
    featureUpdates: [],
  }));
}

async function configResources(session: Session): Promise<void> {
  await session.topic(session.named("listed"));
  const pick = ({ configResources, ...rest }: { configResources: readonly Resource[] }) => ({
    ...rest,
    configResources: configResources.filter(
      ({ resourceName, resourceType }) =>
        resourceType !== TOPIC || resourceName === session.named("listed"),
    ),
  });
  await session.every(
    "config resources",
    listConfigResources,
    (version) => (version === 0 ? {} : { resourceTypes: [] }),
    { pick },
  );
  for (const type of [2, 4, 8, 16, 32, 0, 99]) {
    await session.send(
      `config resources of type ${type}`,
      listConfigResources,
      1,
      { resourceTypes: [type] },
      { pick },
    );
  }
  await session.send(
    "config resources of types 2 and 4",
    listConfigResources,
    1,
    { resourceTypes: [2, 4, 2] },
    { pick },
  );
  await session.send("setting of a group", incrementalAlterConfigs, 1, {
    validateOnly: false,
    resources: [
      {
        resourceType: 32,
        resourceName: session.named("group"),
        configs: [{ name: "consumer.session.timeout.ms", configOperation: 0, value: "46000" }],
      },
    ],
  });
}

const TOPIC = 2;

interface Resource {
  readonly resourceName: string;
  readonly resourceType: number;
}

/** Without an authorizer. */
async function accessControl(session: Session): Promise<void> {
  const filter = {
    patternTypeFilter: 3,
    resourceTypeFilter: 2,
    resourceNameFilter: session.named("listed"),
    principalFilter: null,
    hostFilter: null,
    operation: 1,
    permissionType: 1,
  };
  await session.every("describe ACLs", describeAcls, () => filter);
  await session.every("create an ACL", createAcls, () => ({
    creations: [
      {
        resourceType: 2,
        resourceName: session.named("listed"),
        resourcePatternType: 3,
        principal: "User:alice",
        host: "*",
        operation: 3,
        permissionType: 3,
      },
    ],
  }));
  await session.every("create no ACLs", createAcls, () => ({ creations: [] }));
  await session.every("delete ACLs", deleteAcls, () => ({
    filters: [{ ...filter, resourceTypeFilter: 2 }],
  }));
  await session.every("delete no ACLs", deleteAcls, () => ({ filters: [] }));
}

/** Over a listener that knows nobody, on a broker without a secret for tokens. */
async function tokens(session: Session): Promise<void> {
  await session.every("create a token", createDelegationToken, (version) => ({
    ...(version >= 3 ? { ownerPrincipalType: null, ownerPrincipalName: null } : {}),
    renewers: [],
    maxLifetimeMs: -1,
  }));
  await session.every("create a token for somebody", createDelegationToken, (version) => ({
    ...(version >= 3 ? { ownerPrincipalType: "User", ownerPrincipalName: "alice" } : {}),
    renewers: [{ principalType: "User", principalName: "bob" }],
    maxLifetimeMs: 60_000,
  }));
  const hmac = Buffer.from("no such token");
  await session.every("renew a token", renewDelegationToken, () => ({ hmac, renewPeriodMs: -1 }));
  await session.every("expire a token", expireDelegationToken, () => ({
    hmac,
    expiryTimePeriodMs: -1,
  }));
  await session.every("describe tokens", describeDelegationToken, () => ({ owners: null }));
  await session.every("describe tokens of somebody", describeDelegationToken, () => ({
    owners: [{ principalType: "User", principalName: "alice" }],
  }));
}
