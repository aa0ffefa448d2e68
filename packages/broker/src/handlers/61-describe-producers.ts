/** Describes what partitions remember of producers, open transactions among it (KIP-664). */
import { describeProducers, errorCode, errorMessage, errorName } from "@ottla/protocol";
import { handler, type RequestContext } from "../handler.ts";
import { onceEach } from "../once-each.ts";
import { partitionError } from "../partitions.ts";

const INVALID_TOPIC = errorCode("INVALID_TOPIC_EXCEPTION");

export const describeProducersHandler = handler({
  api: describeProducers,

  handle(context, { topics }) {
    const describeOnce = onceEach(
      (place: string) => {
        const end = place.lastIndexOf(":");
        return describe(context, place.slice(0, end), Number(place.slice(end + 1)));
      },
      ({ activeProducers }) => activeProducers.length,
    );
    return {
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partition) => describeOnce(`${name}:${partition}`)),
      })),
    };
  },
});

function describe(context: RequestContext, name: string, partitionIndex: number) {
  const { engine, store } = context.services;
  const topic = store.image.topic(name);
  const code = name === "" ? INVALID_TOPIC : partitionError(context, topic, partitionIndex);
  if (code !== 0) {
    // Words come for a topic, a partition of it has the code alone.
    const words = topic === null ? errorMessage(errorName(code)) : null;
    return { partitionIndex, errorCode: code, errorMessage: words, activeProducers: [] };
  }
  const producers = engine.describeProducers(topic!.topicId, partitionIndex) ?? [];
  return {
    partitionIndex,
    errorCode: 0,
    errorMessage: null,
    activeProducers: producers.map((producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: producer.lastSequence,
      lastTimestamp: producer.lastTimestampMs,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.currentTxnStartOffset,
    })),
  };
}
