/** Moves replicas between log directories. This broker has one: a partition may be told to stay there. */
import { alterReplicaLogDirs, errorCode } from "@ottla/protocol";
import { handler, type RequestContext } from "../handler.ts";
import { partitionError } from "../partitions.ts";
import { isTurnOver, mapInTurns, nextTurn } from "../turns.ts";

const LOG_DIR_NOT_FOUND = errorCode("LOG_DIR_NOT_FOUND");

export const alterReplicaLogDirsHandler = handler({
  api: alterReplicaLogDirs,
  takesTurns: true,

  async handle(context, { dirs }) {
    /** Of a partition that is sent to several places the last one counts. */
    const destinations = new Map<string, Map<number, string>>();
    let named = 0;
    for (const { path, topics } of dirs) {
      for (const { name, partitions } of topics) {
        if (isTurnOver(named++)) await nextTurn();
        const known = destinations.get(name) ?? new Map<number, string>();
        destinations.set(name, known);
        for (const partition of partitions) {
          known.delete(partition);
          known.set(partition, path);
        }
      }
    }
    const results = await mapInTurns(destinations, ([topicName, partitions]) => ({
      topicName,
      partitions: Array.from(partitions, ([partitionIndex, path]) => ({
        partitionIndex,
        errorCode: moveError(context, topicName, partitionIndex, path),
      })),
    }));
    return { results };
  },
});

function moveError(context: RequestContext, name: string, partition: number, path: string): number {
  const { logDirectory, store } = context.services;
  if (path !== logDirectory) return LOG_DIR_NOT_FOUND;
  return partitionError(context, store.image.topic(name), partition);
}
