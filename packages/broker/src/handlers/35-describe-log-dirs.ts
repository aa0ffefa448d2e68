/** Describes the log directory and the sizes of partitions in it. v4: volume sizes (KIP-827). */
import { describeLogDirs } from "@ottla/protocol";
import { handler, type RequestContext } from "../handler.ts";

export const describeLogDirsHandler = handler({
  api: describeLogDirs,

  async handle(context, request) {
    const { engine, logDirectory, store } = context.services;
    const { totalBytes, usableBytes } = await engine.capacity();
    const asked =
      request.topics?.map(({ topic, partitions }) => ({ name: topic, partitions })) ??
      Array.from(store.image.topics(), ({ name, replicas }) => ({
        name,
        partitions: [...replicas.keys()],
      }));
    const topics = asked
      .map(({ name, partitions }) => ({
        name,
        partitions: partitions.flatMap((partition) => describe(context, name, partition)),
      }))
      .filter(({ partitions }) => partitions.length > 0);
    return {
      results: [{ errorCode: 0, logDir: logDirectory, topics, totalBytes, usableBytes }],
    };
  },
});

/** One entry for a partition with a replica on the broker that was asked, none otherwise. */
function describe(context: RequestContext, name: string, partitionIndex: number) {
  const { cluster, engine, store } = context.services;
  const topic = store.image.topic(name);
  if (topic === null) return [];
  if (!cluster.replicas(topic, partitionIndex).includes(context.broker.id)) return [];
  const description = engine.describe(topic.topicId, partitionIndex);
  if (description === null) return [];
  return [
    { partitionIndex, partitionSize: description.sizeBytes, offsetLag: 0, isFutureKey: false },
  ];
}
