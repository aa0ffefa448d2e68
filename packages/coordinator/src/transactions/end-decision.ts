/**
 * What EndTxn does (TX8): by the state of the id, by what is asked, and by which transaction the producer's epoch belongs to.
 *
 * With version 2 every transaction has an epoch of its own, so the epoch tells a retry (one below ours: the client did not hear of the
 * end of its transaction) from the end of the next one. That one may have had no partitions of which the coordinator knows; aborting it is right then, and
 * bumps the epoch, for the client cannot know what arrived. Committing nothing is an error: something must have got lost.
 *
 * Before version 2 epochs stay, so a repeated end is known only by its result.
 *
 * An epoch one below ours is that of a retry only if the last end did bump it. If it was one by older rules, the bump was another
 * producer's InitProducerId: then the asker is fenced, and must not be told that the other's transaction was its own. (Kafka 4.3 does that.)
 */
import { LAST_CLIENT_EPOCH, type TransactionMetadata } from "./transaction-metadata.ts";
import type { EndTransactionRequest, TransactionErrorName } from "./transaction-types.ts";

/** `end` moves on to Prepare; NONE has been done before. */
type Outcome = "end" | Extract<TransactionErrorName, "NONE" | EndError>;
type EndError = "INVALID_TXN_STATE" | "CONCURRENT_TRANSACTIONS" | "PRODUCER_FENCED";

type Row = { readonly commit: Outcome; readonly abort: Outcome };

const both = (outcome: Outcome): Row => ({ commit: outcome, abort: outcome });

/** An end that is under way. */
const COMMITTING: Row = { commit: "CONCURRENT_TRANSACTIONS", abort: "INVALID_TXN_STATE" };
const ABORTING: Row = { commit: "INVALID_TXN_STATE", abort: "CONCURRENT_TRANSACTIONS" };
/** An end that is over. */
const COMMITTED: Row = { commit: "NONE", abort: "INVALID_TXN_STATE" };
const ABORTED: Row = { commit: "INVALID_TXN_STATE", abort: "NONE" };
/** Nothing to end. */
const NOTHING: Row = { commit: "INVALID_TXN_STATE", abort: "end" };
const FENCED = both("PRODUCER_FENCED");

type State = TransactionMetadata["state"];

const VERSION_2: Record<State, Record<"retry" | "current", Row>> = {
  Empty: { retry: FENCED, current: NOTHING },
  Ongoing: { retry: FENCED, current: both("end") },
  PrepareCommit: { retry: COMMITTING, current: FENCED },
  PrepareAbort: { retry: ABORTING, current: FENCED },
  CompleteCommit: { retry: COMMITTED, current: NOTHING },
  CompleteAbort: { retry: ABORTED, current: NOTHING },
  Dead: { retry: FENCED, current: FENCED },
};

const OLDER: Record<State, Row> = {
  Empty: both("INVALID_TXN_STATE"),
  Ongoing: both("end"),
  PrepareCommit: COMMITTING,
  PrepareAbort: ABORTING,
  CompleteCommit: COMMITTED,
  CompleteAbort: ABORTED,
  Dead: FENCED,
};

/** What the end of a transaction comes to; `isBusy` when a change of the id is on its way. */
export function decideEnd(
  metadata: TransactionMetadata,
  isBusy: boolean,
  request: EndTransactionRequest,
): Outcome | "INVALID_PRODUCER_ID_MAPPING" {
  return request.transactionVersion >= 2
    ? decideVersion2(metadata, isBusy, request)
    : decideOlder(metadata, isBusy, request);
}

function decideVersion2(
  metadata: TransactionMetadata,
  isBusy: boolean,
  { producerId, producerEpoch, commit }: EndTransactionRequest,
): Outcome | "INVALID_PRODUCER_ID_MAPPING" {
  // First, since the producer may know an id and epoch that are still on their way to the log.
  if (isBusy) return "CONCURRENT_TRANSACTIONS";
  const hasBumped = metadata.transactionVersion >= 2;
  const isSwitched =
    hasBumped &&
    metadata.previousProducerId === producerId &&
    producerEpoch === LAST_CLIENT_EPOCH &&
    metadata.producerEpoch === 0;
  if (metadata.producerId !== producerId && !isSwitched) return "INVALID_PRODUCER_ID_MAPPING";
  const isRetry = isSwitched || (hasBumped && metadata.producerEpoch === producerEpoch + 1);
  if (!isRetry && metadata.producerEpoch !== producerEpoch) return "PRODUCER_FENCED";
  const row = VERSION_2[metadata.state][isRetry ? "retry" : "current"];
  return commit ? row.commit : row.abort;
}

function decideOlder(
  metadata: TransactionMetadata,
  isBusy: boolean,
  { producerId, producerEpoch, commit }: EndTransactionRequest,
): Outcome | "INVALID_PRODUCER_ID_MAPPING" {
  if (metadata.producerId !== producerId) return "INVALID_PRODUCER_ID_MAPPING";
  if (metadata.producerEpoch !== producerEpoch) return "PRODUCER_FENCED";
  if (isBusy) return "CONCURRENT_TRANSACTIONS";
  const row = OLDER[metadata.state];
  return commit ? row.commit : row.abort;
}
