import { clusterOptions } from "../../cluster/options.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { print } from "../../output/document.ts";
import { fields, table } from "../../output/table.ts";

export const describeCluster = defineCommand({
  description: "The brokers of a cluster and the features they agreed on.",
  arguments: [],
  options: clusterOptions,
  examples: [{ about: "Who is there", line: "cluster describe -b broker.example:9092" }],
  async run({ options }, context) {
    return await withClient(options, context, async (client) => {
      const { apiVersions } = await import("@ottla/protocol");
      const [{ clusterId, controllerId, brokers }, versions] = await Promise.all([
        client.admin.describeCluster(),
        client.request(apiVersions, {
          clientSoftwareName: "ottla-cli",
          clientSoftwareVersion: "0",
        }),
      ]);
      const finalized = new Map(
        versions.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
      );
      const cluster = {
        clusterId,
        controllerId: controllerId < 0 ? null : controllerId,
        brokers: [...brokers].sort((a, b) => a.nodeId - b.nodeId),
        features: versions.supportedFeatures
          .map(({ name, minVersion, maxVersion }) => ({
            name,
            supported: { min: minVersion, max: maxVersion },
            /** Null where the cluster has agreed on nothing. */
            level: finalized.get(name) ?? null,
          }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
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
        if (cluster.features.length > 0) {
          parts.push(
            table(
              [
                { title: "feature", cell: (row) => row.name },
                { title: "level", align: "right", cell: (row) => row.level },
                {
                  title: "supported",
                  align: "right",
                  cell: ({ supported: { min, max } }) => `${min}–${max}`,
                },
              ],
              cluster.features,
            ),
          );
        }
        return parts.join("\n");
      });
      return undefined;
    });
  },
});
