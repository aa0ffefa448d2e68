/** Deletes records below an offset; −1 is the high watermark (LG14). */
import type { DeleteRecordsRequest as PartitionRequest } from "@ottla/log";
import { type DeleteRecordsRequest, deleteRecords, errorCode } from "@ottla/protocol";
import { distinctPartitions, type TopicShape } from "../distinct-partitions.ts";
import { logErrorCode } from "../error-codes.ts";
import { handler } from "../handler.ts";
import { partitionError } from "../partitions.ts";

const INVALID_TOPIC = errorCode("INVALID_TOPIC_EXCEPTION");

type RequestedTopic = DeleteRecordsRequest["topics"][number];

const SHAPE: TopicShape<RequestedTopic, RequestedTopic["partitions"][number]> = {
  topicKey: ({ name }) => name,
  partitions: ({ partitions }) => partitions,
  index: ({ partitionIndex }) => partitionIndex,
  withPartitions: (topic, partitions) => ({ ...topic, partitions }),
};

export const deleteRecordsHandler = handler({
  api: deleteRecords,

  async handle(context, request) {
    const refusals: number[] = [];
    const requests: PartitionRequest[] = [];
    const topics = distinctPartitions(request.topics, SHAPE);
    for (const { name, partitions } of topics) {
      const topic = context.services.store.image.topic(name);
      for (const { partitionIndex, offset } of partitions) {
        let refusal = partitionError(context, topic, partitionIndex);
        if (refusal === 0 && topic!.isInternal) refusal = INVALID_TOPIC;
        refusals.push(refusal);
        if (refusal !== 0) continue;
        requests.push({
          topicId: topic!.topicId,
          partition: partitionIndex,
          beforeOffset: offset,
        });
      }
    }
    const results = await context.services.engine.deleteRecords(requests);
    let position = 0;
    let answered = 0;
    return {
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          const refusal = refusals[position++]!;
          if (refusal !== 0) return { partitionIndex, lowWatermark: -1, errorCode: refusal };
          const { error, lowWatermark } = results[answered++]!;
          return { partitionIndex, lowWatermark, errorCode: logErrorCode(error) };
        }),
      })),
    };
  },
});
