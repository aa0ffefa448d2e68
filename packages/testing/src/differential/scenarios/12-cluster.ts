import {
  describeCluster,
  describeLogDirs,
  findCoordinator,
  type RequestInput,
  saslAuthenticate,
  saslHandshake,
} from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";

export const cluster: Scenario = {
  name: "cluster",
  async run(session) {
    await coordinators(session);
    await brokers(session);
    await directories(session);
    await sasl(session);
  },
};

async function coordinators(session: Session): Promise<void> {
  const groupId = session.named("group");
  await session.coordinator(groupId);
  const body = (
    version: number,
    keyType: number,
    ...keys: string[]
  ): RequestInput<typeof findCoordinator> => ({
    ...(version >= 1 ? { keyType } : {}),
    ...(version >= 4 ? { coordinatorKeys: keys } : { key: keys[0] ?? "" }),
  });
  await session.every("coordinator of a group", findCoordinator, (version) =>
    body(version, 0, groupId),
  );
  await session.every("coordinator of nobody", findCoordinator, (version) => body(version, 0, ""));
  await session.every("coordinator of an unknown type", findCoordinator, (version) =>
    version === 0 ? null : body(version, 9, groupId),
  );
  await session.every("coordinators of two, one of them twice", findCoordinator, (version) =>
    version < 4 ? null : body(version, 0, groupId, session.named("other"), groupId),
  );
  await session.every("coordinators of none", findCoordinator, (version) =>
    version < 4 ? null : body(version, 0),
  );
}

async function brokers(session: Session): Promise<void> {
  await session.every("the cluster", describeCluster, () => ({
    includeClusterAuthorizedOperations: false,
  }));
  await session.every("the cluster and what may be done", describeCluster, () => ({
    includeClusterAuthorizedOperations: true,
  }));
  for (const endpointType of [1, 2, 0, 9]) {
    await session.send(`endpoints of type ${endpointType}`, describeCluster, 1, {
      includeClusterAuthorizedOperations: false,
      endpointType,
    });
  }
  await session.send("fenced brokers too", describeCluster, 2, {
    includeClusterAuthorizedOperations: false,
    includeFencedBrokers: true,
  });
}

async function directories(session: Session): Promise<void> {
  const name = session.named("topic");
  await session.topic(name, 2);
  const partitions = [0, 1, 9];
  await session.every("directories of a topic", describeLogDirs, () => ({
    topics: [{ topic: name, partitions }],
  }));
  await session.every("directories of an unknown topic", describeLogDirs, () => ({
    topics: [{ topic: session.named("none"), partitions: [0] }],
  }));
  await session.every("directories of nothing", describeLogDirs, () => ({ topics: [] }));
  await session.every("directories of everything", describeLogDirs, () => ({ topics: null }), {
    pick: (body) => ({
      ...body,
      results: body.results.map((result) => ({
        ...result,
        topics: result.topics.filter((topic) => topic.name === name),
      })),
    }),
  });
}

/** On a listener without SASL. */
async function sasl(session: Session): Promise<void> {
  for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "NONSENSE", ""]) {
    for (const version of [0, 1]) {
      await session.send(`handshake for "${mechanism}"`, saslHandshake, version, { mechanism });
    }
  }
  await session.every("authenticate without a handshake", saslAuthenticate, () => ({
    authBytes: Buffer.from("\0user\0password"),
  }));
}
