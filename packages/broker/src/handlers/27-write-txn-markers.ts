/**
 * Ends transactions in partitions without their coordinator: what `kafka-transactions abort` does to one that hangs (TX17). v2: the version of
 * the transaction.
 */
import { errorCode, type WriteTxnMarkersRequest, writeTxnMarkers } from "@ottla/protocol";
import type { MarkedPartition } from "../engine-transaction-markers.ts";
import { logErrorCode } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import { partitionError } from "../partitions.ts";

type RequestedMarker = WriteTxnMarkersRequest["markers"][number];

const UNKNOWN_SERVER_ERROR = errorCode("UNKNOWN_SERVER_ERROR");

export const writeTxnMarkersHandler = handler({
  api: writeTxnMarkers,

  async handle(context, request) {
    // A marker for nothing is not answered.
    const markers = request.markers.filter(({ topics }) => topics.length > 0);
    return { markers: await Promise.all(markers.map((marker) => write(context, marker))) };
  },
});

async function write(context: RequestContext, marker: RequestedMarker) {
  const { markers, store } = context.services;
  const { producerId, producerEpoch, coordinatorEpoch, transactionVersion } = marker;
  const codes: number[] = [];
  const partitions: MarkedPartition[] = [];
  for (const { name, partitionIndexes } of marker.topics) {
    const topic = store.image.topic(name);
    for (const partition of partitionIndexes) {
      let code = partitionError(context, topic, partition);
      if (code === 0 && (producerId < 0 || producerEpoch < 0)) code = UNKNOWN_SERVER_ERROR;
      codes.push(code);
      if (code === 0) partitions.push({ topic: name, topicId: topic!.topicId, partition });
    }
  }
  const results = await markers.append({
    producerId,
    producerEpoch,
    commit: marker.transactionResult,
    coordinatorEpoch,
    transactionVersion: transactionVersion >= 2 ? 2 : 0,
    partitions,
  });
  let position = 0;
  let answered = 0;
  return {
    producerId,
    topics: marker.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        errorCode: codes[position++]! || logErrorCode(results[answered++]!.error),
      })),
    })),
  };
}
