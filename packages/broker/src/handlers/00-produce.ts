/**
 * Appends batches. They are queued before `handle` returns, so pipelined requests overlap; where a transaction has to take in partitions
 * first, the requests behind on the connection wait. v10: CurrentLeader and NodeEndpoints (KIP-951); v11: TRANSACTION_ABORTABLE; v12: partitions
 * add themselves to transactions (KIP-890); v13: topics by id only.
 */
import type { AppendPartition, AppendResult, LogErrorKind } from "@ottla/log";
import type { Topic } from "@ottla/metadata";
import { Derived, Later } from "@ottla/platform";
import {
  attributes,
  batchSize,
  type ErrorName,
  errorCode,
  errorMessage,
  LOG_OVERHEAD,
  MAGIC_V2,
  type ProduceRequest,
  type ProduceResponseInput,
  produce,
  producerEpoch,
  producerId,
  RECORD_BATCH_OVERHEAD,
  TRANSACTIONAL_BIT,
  ZERO_UUID,
} from "@ottla/protocol";
import { distinctPartitions, type TopicShape } from "../distinct-partitions.ts";
import { logErrorCode } from "../error-codes.ts";
import { type Answer, CloseConnection, handler, type RequestContext } from "../handler.ts";
import { LeaderHints, partitionError } from "../partitions.ts";
import { produceError } from "../transaction-errors.ts";
import {
  type Admission,
  memberOf,
  type TransactionalWrites,
  whenAdmitted,
} from "../transactional-appends.ts";

const FIRST_VERSION_WITH_ZSTD = 7;
const FIRST_VERSION_WITH_LEADERS = 10;
const FIRST_VERSION_WITH_ABORTABLE = 11;
const FIRST_VERSION_WITH_IMPLICIT_ADDS = 12;
const FIRST_VERSION_WITH_TOPIC_IDS = 13;
const INVALID_REQUIRED_ACKS = errorCode("INVALID_REQUIRED_ACKS");
const UNKNOWN_TOPIC_ID = errorCode("UNKNOWN_TOPIC_ID");
const CORRUPT_MESSAGE = errorCode("CORRUPT_MESSAGE");
const INVALID_TOPIC = errorCode("INVALID_TOPIC_EXCEPTION");
const INVALID_PRODUCER_ID_MAPPING = errorCode("INVALID_PRODUCER_ID_MAPPING");
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = errorCode("TRANSACTIONAL_ID_AUTHORIZATION_FAILED");

const HEADER_UP_TO_MAGIC = 17;
/** What Kafka's oldest record takes, and so the least that a batch's length can say. */
const SMALLEST_BATCH_LENGTH = 14;

type RequestedTopic = ProduceRequest["topicData"][number];
type RequestedPartition = RequestedTopic["partitionData"][number];

const SHAPE_BY_NAME: TopicShape<RequestedTopic, RequestedPartition> = {
  topicKey: ({ name }) => name,
  partitions: ({ partitionData }) => partitionData,
  index: ({ index }) => index,
  withPartitions: (topic, partitionData) => ({ ...topic, partitionData }),
};
const SHAPE_BY_ID: typeof SHAPE_BY_NAME = { ...SHAPE_BY_NAME, topicKey: ({ topicId }) => topicId };

export const produceHandler = handler({
  api: produce,
  // v0 to v2 are advertised for librdkafka's sake and refused if sent (KAFKA-18659).
  advertised: { min: 0, max: produce.versions.max },
  mayOverlap: true,
  keepsNothing: true,

  handle(context, request) {
    const { partitions, transactional, producing } = planOf(context, request);
    append(context, request, partitions, transactional, producing).listen(producing);
    return producing;
  },
});

type Response = Answer<typeof produce>;

/**
 * What answering takes, and the answer. Thousands of partitions wait for the disk at a time and the garbage collector copies what is kept of each, so
 * that is two numbers: no object and no view of the frame.
 */
class Producing extends Derived<readonly AppendResult[], Response | null> {
  readonly context: RequestContext;
  readonly acks: number;
  readonly topics: readonly OutlinedTopic[];
  /** By place, which is their order in the request, of all partitions: index, and bytes of the records that came for it. */
  readonly places: number[];
  /** By place, partitions that are not handed to the engine; null for none. */
  refusals: Map<number, Refusal> | null = null;

  constructor(
    context: RequestContext,
    acks: number,
    topics: readonly OutlinedTopic[],
    partitionsCount: number,
  ) {
    super();
    this.context = context;
    this.acks = acks;
    this.topics = topics;
    this.places = new Array<number>(2 * partitionsCount);
  }

  setPlace(place: number, index: number, sizeBytes: number): void {
    this.places[2 * place] = index;
    this.places[2 * place + 1] = sizeBytes;
  }

  indexAt(place: number): number {
    return this.places[2 * place]!;
  }

  sizeAt(place: number): number {
    return this.places[2 * place + 1]!;
  }

  refuse(place: number, code: number, words: string | null): void {
    this.refusals ??= new Map();
    this.refusals.set(place, { code, words });
  }

  protected make(results: readonly AppendResult[]): Response | null {
    const isRefused = this.refusals !== null || hasFailed(results);
    if (isRefused) tellRefusals(this, results);
    if (this.acks !== 0) return responseOf(this, results);
    if (isRefused) throw new CloseConnection("a batch sent with acks=0 was refused");
    return null;
  }
}

/** A request with its topics found. */
interface Plan {
  /** All partitions, in request order. */
  readonly partitions: readonly AppendPartition[];
  /** Those that are part of a transaction and not refused. */
  readonly transactional: readonly TransactionalPartition[];
  readonly producing: Producing;
}

interface OutlinedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly topic: Topic | null;
  /** How many of the places are its. */
  readonly partitionsCount: number;
}

interface Refusal {
  readonly code: number;
  readonly words: string | null;
}

interface TransactionalPartition {
  readonly topic: string;
  readonly partition: number;
  readonly records: Buffer;
  /** Among all partitions of the request. */
  readonly place: number;
}

const NO_PARTITIONS: TransactionalPartition[] = [];

function planOf(context: RequestContext, request: ProduceRequest): Plan {
  const { transactionalId, acks } = request;
  const topicData = distinctPartitions(
    request.topicData,
    context.version >= FIRST_VERSION_WITH_TOPIC_IDS ? SHAPE_BY_ID : SHAPE_BY_NAME,
  );
  const refusesAll = requestRefusal(topicData, transactionalId !== null);
  const topics = new Array<OutlinedTopic>(topicData.length);
  let count = 0;
  for (let i = 0; i < topics.length; i++) {
    const { name, topicId, partitionData } = topicData[i]!;
    const topic = topicOf(context, name, topicId);
    topics[i] = { name, topicId, topic, partitionsCount: partitionData.length };
    count += partitionData.length;
  }
  const partitions = new Array<AppendPartition>(count);
  const producing = new Producing(context, acks, topics, count);
  let transactional = NO_PARTITIONS;
  let place = 0;
  for (let i = 0; i < topics.length; i++) {
    const { topic } = topics[i]!;
    const { partitionData } = topicData[i]!;
    if (topic !== null) context.services.probe.topicProduced(topic.name);
    for (let j = 0; j < partitionData.length; j++) {
      const { index, records } = partitionData[j]!;
      const code = refusesAll === 0 ? refusalOf(context, acks, topic, index) : refusesAll;
      if (code !== 0) {
        const words = code === CORRUPT_MESSAGE ? errorMessage("CORRUPT_MESSAGE") : null;
        producing.refuse(place, code, words);
      } else if (transactionalId !== null && records !== null && isTransactional(records)) {
        if (transactional === NO_PARTITIONS) transactional = [];
        transactional.push({ topic: topic!.name, partition: index, records, place });
      }
      partitions[place] = { topicId: topic?.topicId ?? ZERO_UUID, partition: index, records };
      producing.setPlace(place, index, records === null ? 0 : records.length);
      place++;
    }
  }
  return { partitions, transactional, producing };
}

/** Hands the engine what it may have, as soon as the transaction that it is part of lets it in. */
function append(
  context: RequestContext,
  { acks, transactionalId }: ProduceRequest,
  partitions: readonly AppendPartition[],
  transactional: readonly TransactionalPartition[],
  producing: Producing,
): Later<readonly AppendResult[]> {
  const writes = transactionalId === null ? null : writesOf(transactionalId, transactional);
  return whenAdmitted(context, writes, (admission) => {
    refuseWrites(producing, transactional, admission);
    const { refusals } = producing;
    const accepted =
      refusals === null ? partitions : partitions.filter((_, place) => !refusals.has(place));
    if (accepted.length === 0) return Later.of<readonly AppendResult[]>([]);
    return context.services.engine.append({
      acks: acks === -1 || acks === 1 ? acks : 0,
      origin: "client",
      allowsZstd: context.version >= FIRST_VERSION_WITH_ZSTD,
      isTransactional: transactionalId !== null,
      transactionVersion: context.version >= FIRST_VERSION_WITH_IMPLICIT_ADDS ? 2 : 0,
      partitions: accepted,
    });
  });
}

/** What of the request is part of a transaction; null for nothing. */
function writesOf(
  transactionalId: string,
  transactional: readonly TransactionalPartition[],
): TransactionalWrites | null {
  const [first] = transactional;
  if (first === undefined) return null;
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of transactional) {
    const others = topics.get(topic);
    if (others === undefined) topics.set(topic, [partition]);
    else others.push(partition);
  }
  return {
    transactionalId,
    producerId: producerId(first.records, 0),
    producerEpoch: producerEpoch(first.records, 0),
    topics: Array.from(topics, ([topic, indexes]) => ({ topic, partitions: indexes })),
  };
}

/** Notes what the transaction does not let in. */
function refuseWrites(
  producing: Producing,
  transactional: readonly TransactionalPartition[],
  { error, missing }: Admission,
): void {
  if (error === "NONE" && missing.length === 0) return;
  const knowsAborting = producing.context.version >= FIRST_VERSION_WITH_ABORTABLE;
  const isMissing = memberOf(missing);
  for (const { topic, partition, place } of transactional) {
    if (error === "NONE" && !isMissing(topic, partition)) continue;
    const name = produceError(error === "NONE" ? "TRANSACTION_ABORTABLE" : error, knowsAborting);
    producing.refuse(place, errorCode(name), WORDS[name] ?? null);
  }
}

const WORDS: Partial<Record<ErrorName, string>> = {
  INVALID_TXN_STATE: "Partition was not added to the transaction",
  NOT_ENOUGH_REPLICAS: "The transaction cannot take in the partition yet.",
};

function topicOf(context: RequestContext, name: string, topicId: string): Topic | null {
  const { image } = context.services.store;
  return context.version >= FIRST_VERSION_WITH_TOPIC_IDS
    ? image.topicById(topicId)
    : image.topic(name);
}

/**
 * Kafka looks at the first batch of each partition before anything else and fails the whole request for one that cannot be a batch, for one
 * that is transactional when the request is not, and for transactional ones of several producers. 0 when there is none.
 */
function requestRefusal(topicData: readonly RequestedTopic[], hasTransactionalId: boolean): number {
  let transactionalProducer = -1;
  let transactionalEpoch = -1;
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      if (records === null || records.length < HEADER_UP_TO_MAGIC) continue;
      if (isImpossible(records)) return CORRUPT_MESSAGE;
      if (!isTransactional(records)) continue;
      if (!hasTransactionalId) return TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
      const id = producerId(records, 0);
      const epoch = producerEpoch(records, 0);
      const isFirst = transactionalProducer === -1;
      // Only one of them is asked for, so with another epoch a batch would get in that no marker ends.
      if (!isFirst && (transactionalProducer !== id || transactionalEpoch !== epoch)) {
        return INVALID_PRODUCER_ID_MAPPING;
      }
      transactionalProducer = id;
      transactionalEpoch = epoch;
    }
  }
  return 0;
}

function isImpossible(records: Buffer): boolean {
  return (
    batchSize(records, 0) < LOG_OVERHEAD + SMALLEST_BATCH_LENGTH ||
    records[HEADER_UP_TO_MAGIC - 1]! > MAGIC_V2
  );
}

function isTransactional(records: Buffer): boolean {
  return (
    records.length >= RECORD_BATCH_OVERHEAD &&
    (attributes(records, 0) & TRANSACTIONAL_BIT) !== 0 &&
    batchSize(records, 0) <= records.length
  );
}

function refusalOf(
  context: RequestContext,
  acks: number,
  topic: Topic | null,
  partition: number,
): number {
  if (topic === null && context.version >= FIRST_VERSION_WITH_TOPIC_IDS) return UNKNOWN_TOPIC_ID;
  const code = partitionError(context, topic, partition);
  if (code !== 0) return code;
  if (acks !== -1 && acks !== 1 && acks !== 0) return INVALID_REQUIRED_ACKS;
  return topic!.isInternal ? INVALID_TOPIC : 0;
}

function hasFailed(results: readonly AppendResult[]): boolean {
  for (const { error } of results) if (error !== null) return true;
  return false;
}

/** Tells metrics what was refused. */
function tellRefusals(producing: Producing, results: readonly AppendResult[]): void {
  const { context, topics, refusals } = producing;
  let place = 0;
  let answered = 0;
  for (const { topic, partitionsCount } of topics) {
    for (const end = place + partitionsCount; place < end; place++) {
      const isAnswered = refusals === null || !refusals.has(place);
      const error = isAnswered ? results[answered++]!.error : null;
      if (isAnswered && error === null) continue;
      if (topic === null || error === "unknownTopic") continue;
      const isTooLarge = error === "messageTooLarge" || error === "recordListTooLarge";
      const refusedBytes = isTooLarge ? producing.sizeAt(place) : 0;
      context.services.probe.produceRefused(topic.name, 1, refusedBytes);
    }
  }
}

function responseOf(producing: Producing, results: readonly AppendResult[]): Response {
  const { context, topics, refusals } = producing;
  const hints = refusals === null ? null : new LeaderHints(context, FIRST_VERSION_WITH_LEADERS);
  let place = 0;
  let answered = 0;
  const responses = new Array<ProduceResponseInput["responses"][number]>(topics.length);
  for (let t = 0; t < topics.length; t++) {
    const { name, topicId, topic, partitionsCount } = topics[t]!;
    const partitionResponses = new Array<PartitionResponse>(partitionsCount);
    for (let i = 0; i < partitionsCount; i++, place++) {
      const index = producing.indexAt(place);
      const refusal = refusals?.get(place);
      partitionResponses[i] =
        refusal === undefined
          ? partitionResponse(index, results[answered++]!)
          : refusedResponse(index, refusal, hints?.currentLeader(refusal.code, topic, index));
    }
    responses[t] = { name, topicId, partitionResponses };
  }
  return { responses, nodeEndpoints: hints?.nodeEndpoints() ?? NO_ENDPOINTS };
}

type PartitionResponse = ProduceResponseInput["responses"][number]["partitionResponses"][number];

function refusedResponse(
  index: number,
  { code, words }: Refusal,
  currentLeader: ReturnType<LeaderHints["currentLeader"]>,
): PartitionResponse {
  const refused = { index, errorCode: code, baseOffset: -1, recordErrors: [], errorMessage: words };
  return currentLeader === undefined ? refused : { ...refused, currentLeader };
}

const NO_RECORD_ERRORS: readonly [] = [];
const NO_ENDPOINTS: readonly [] = [];

/** Faults that Kafka answers without looking at the log, so without its start. */
const WITHOUT_LOG_START: ReadonlySet<LogErrorKind> = new Set<LogErrorKind>([
  "corruptBatch",
  "messageTooLarge",
  "recordListTooLarge",
  "unsupportedCompression",
  "transactionalIdRequired",
  "unknownTopic",
  "unknownPartition",
  "storage",
  "shuttingDown",
]);

function partitionResponse(index: number, result: AppendResult): PartitionResponse {
  const { error, recordErrors } = result;
  return {
    index,
    errorCode: logErrorCode(error),
    baseOffset: result.baseOffset,
    logAppendTimeMs: result.appendTimeMs,
    logStartOffset: error !== null && WITHOUT_LOG_START.has(error) ? -1 : result.logStartOffset,
    recordErrors:
      recordErrors.length === 0
        ? NO_RECORD_ERRORS
        : recordErrors.map((fault) => ({
            batchIndex: fault.index,
            batchIndexErrorMessage: fault.message,
          })),
    // Words come only with records at fault; every other code speaks for itself.
    errorMessage: recordErrors.length > 0 ? result.errorMessage : null,
  };
}
