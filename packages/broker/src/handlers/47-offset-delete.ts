/** Deletes committed offsets of topics that a group does not read (KIP-496, CG13). */
import { errorCode, offsetDelete } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler } from "../handler.ts";

export const offsetDeleteHandler = handler({
  api: offsetDelete,

  async handle(context, request) {
    const refusal = coordinatorError(context, request.groupId);
    if (refusal !== 0) return { errorCode: refusal, topics: [] };
    const { error, topics } = await context.services.groups.deleteOffsets(request);
    return {
      errorCode: errorCode(error),
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => ({
          partitionIndex: partition.partitionIndex,
          errorCode: errorCode(partition.error),
        })),
      })),
    };
  },
});
