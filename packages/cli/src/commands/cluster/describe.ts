import type { QuorumDescription } from "@ottla/client";
import { clusterOptions } from "../../cluster/options.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { print } from "../../output/document.ts";
import { fields, table } from "../../output/table.ts";
import { count } from "../../output/units.ts";

export const describeCluster = defineCommand({
  description:
    "The brokers of a cluster, the features they agreed on, and the quorum that keeps its metadata.",
  arguments: [],
  options: clusterOptions,
  examples: [{ about: "Who is there", line: "cluster describe -b broker.example:9092" }],
  async run({ options }, context) {
    return await withClient(options, context, async (client) => {
      const { admin } = client;
      const [{ clusterId, controllerId, brokers }, features, quorum] = await Promise.all([
        admin.describeCluster(),
        admin.describeFeatures(),
        admin.describeMetadataQuorum().catch((error: Error) => {
          // Older clusters have none, and some users may not see it.
          if (error.name === "UnsupportedError" || error.name === "BrokerError") return null;
          throw error;
        }),
      ]);
      const cluster = {
        clusterId,
        controllerId: controllerId < 0 ? null : controllerId,
        brokers: [...brokers].sort((a, b) => a.nodeId - b.nodeId),
        features,
        quorum,
      };
      await print(context, options.output, cluster, () => {
        const parts = [
          fields([
            ["Cluster", cluster.clusterId ?? "-"],
            ["Controller", cluster.controllerId ?? "-"],
            ["Brokers", brokers.length],
          ]),
          table(
            [
              { title: "broker", align: "right", cell: (row) => row.nodeId },
              { title: "host", cell: (row) => row.host },
              { title: "port", align: "right", cell: (row) => row.port },
              { title: "rack", cell: (row) => row.rack },
            ],
            cluster.brokers,
          ),
        ];
        if (features.length > 0) {
          parts.push(
            table(
              [
                { title: "feature", cell: (row) => row.name },
                { title: "level", align: "right", cell: (row) => row.level },
                {
                  title: "possible",
                  align: "right",
                  cell: ({ minLevel, maxLevel }) => `${minLevel}–${maxLevel}`,
                },
              ],
              features,
            ),
          );
        }
        if (quorum !== null) {
          const ends = [...quorum.voters, ...quorum.observers].map((each) => each.logEndOffset);
          const furthest = Math.max(...ends);
          parts.push(
            table(
              [
                { title: "quorum", align: "right", cell: (row) => row.replicaId },
                { title: "role", cell: (row) => row.role },
                {
                  title: "lag",
                  align: "right",
                  cell: (row) => count(Math.max(0, furthest - row.logEndOffset)),
                },
              ],
              rolesOf(quorum),
            ),
          );
        }
        return parts.join("\n");
      });
      return undefined;
    });
  },
});

function rolesOf({ leaderId, voters, observers }: QuorumDescription) {
  return [
    ...voters.map((each) => ({ ...each, role: each.replicaId === leaderId ? "leader" : "voter" })),
    ...observers.map((each) => ({ ...each, role: "observer" })),
  ];
}
