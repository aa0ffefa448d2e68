/**
 * What InitProducerId does (TX2): another incarnation of a producer takes over its transactional id.
 *
 * A client that names its id and epoch (KIP-360) wants to go on after an error; it is fenced unless it is the one that we know, or the one that
 * did not hear our last answer. Nobody may have the largest epoch: it is kept for fencing, and before it comes a new producer id.
 */
import type { ProducerIdentity } from "../coordinator-log.ts";
import {
  initialised,
  isEpochExhausted,
  NO_PRODUCER_EPOCH,
  type TransactionMetadata,
} from "./transaction-metadata.ts";
import type { InitTransactionalProducerRequest } from "./transaction-types.ts";

export type InitDecision =
  | { readonly outcome: "CONCURRENT_TRANSACTIONS" | "PRODUCER_FENCED" }
  /** There is a transaction: it is to be aborted, and the client to ask again. */
  | { readonly outcome: "abort" }
  /** A producer id is to be had, and the decision to be asked for again with it. */
  | { readonly outcome: "needsProducerId" }
  | { readonly outcome: "initialise"; readonly next: TransactionMetadata };

export function decideInit(
  metadata: TransactionMetadata,
  request: InitTransactionalProducerRequest,
  newProducerId: number | null,
  nowMs: number,
): InitDecision {
  const { expected, transactionTimeoutMs } = request;
  if (expected !== null && !isKnown(metadata, expected)) return { outcome: "PRODUCER_FENCED" };
  switch (metadata.state) {
    case "PrepareCommit":
    case "PrepareAbort":
    case "Dead":
      return { outcome: "CONCURRENT_TRANSACTIONS" };
    case "Ongoing":
      return { outcome: "abort" };
    default:
  }
  const next = nextIdentity(metadata, expected, newProducerId);
  if (typeof next === "string") return { outcome: next };
  return {
    outcome: "initialise",
    next: initialised(metadata, next, transactionTimeoutMs, nowMs),
  };
}

function isKnown(metadata: TransactionMetadata, expected: ProducerIdentity): boolean {
  return (
    metadata.producerEpoch === NO_PRODUCER_EPOCH ||
    expected.producerId === metadata.producerId ||
    // A retry after we had switched to another producer id.
    (expected.producerId === metadata.previousProducerId &&
      isEpochExhausted(expected.producerEpoch))
  );
}

function nextIdentity(
  { producerId, producerEpoch, lastProducerEpoch }: TransactionMetadata,
  expected: ProducerIdentity | null,
  newProducerId: number | null,
):
  | "needsProducerId"
  | "PRODUCER_FENCED"
  | (ProducerIdentity & { readonly lastProducerEpoch: number }) {
  const isCurrent = expected === null || expected.producerEpoch === producerEpoch;
  if (isEpochExhausted(producerEpoch)) {
    if (!isCurrent) return "PRODUCER_FENCED";
    if (newProducerId === null) return "needsProducerId";
    const last = expected === null ? NO_PRODUCER_EPOCH : producerEpoch;
    return { producerId: newProducerId, producerEpoch: 0, lastProducerEpoch: last };
  }
  const bumped = { producerId, producerEpoch: producerEpoch + 1 };
  if (expected === null) return { ...bumped, lastProducerEpoch: NO_PRODUCER_EPOCH };
  if (isCurrent || producerEpoch === NO_PRODUCER_EPOCH) {
    return { ...bumped, lastProducerEpoch: producerEpoch };
  }
  // It did not hear our answer, and nobody else has come since: that would have cleared the last epoch.
  if (expected.producerEpoch === lastProducerEpoch) {
    return { producerId, producerEpoch, lastProducerEpoch };
  }
  return "PRODUCER_FENCED";
}
