/** Finds where a leader epoch ended (KIP-320, LG15). */
import type { EpochQuery } from "@ottla/log";
import { errorCode, offsetForLeaderEpoch } from "@ottla/protocol";
import { logErrorCode } from "../error-codes.ts";
import { handler } from "../handler.ts";
import { isImpossibleEpoch, partitionError } from "../partitions.ts";

const FENCED_LEADER_EPOCH = errorCode("FENCED_LEADER_EPOCH");

export const offsetForLeaderEpochHandler = handler({
  api: offsetForLeaderEpoch,

  async handle(context, request) {
    const refusals: number[] = [];
    const queries: EpochQuery[] = [];
    for (const { topic: name, partitions } of request.topics) {
      const topic = context.services.store.image.topic(name);
      for (const { partition, currentLeaderEpoch, leaderEpoch } of partitions) {
        let refusal = partitionError(context, topic, partition);
        if (refusal === 0 && isImpossibleEpoch(currentLeaderEpoch)) refusal = FENCED_LEADER_EPOCH;
        refusals.push(refusal);
        if (refusal !== 0) continue;
        queries.push({ topicId: topic!.topicId, partition, currentLeaderEpoch, leaderEpoch });
      }
    }
    const answers = await context.services.engine.endOffsetsForEpochs(queries);
    let position = 0;
    let answered = 0;
    return {
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => {
          const refusal = refusals[position++]!;
          if (refusal !== 0) return { partition, errorCode: refusal };
          const { error, leaderEpoch, endOffset } = answers[answered++]!;
          return { partition, errorCode: logErrorCode(error), leaderEpoch, endOffset };
        }),
      })),
    };
  },
});
