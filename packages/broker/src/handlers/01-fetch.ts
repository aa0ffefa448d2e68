/** Reads batches, waiting for them if asked to. v7: sessions (KIP-227); v13: topics by id; v16: CurrentLeader and NodeEndpoints (KIP-951). */
import type { ReadPartition, ReadResult } from "@ottla/log";
import type { Topic } from "@ottla/metadata";
import {
  errorCode,
  type FetchRequest,
  type FetchResponseInput,
  fetch,
  ZERO_UUID,
} from "@ottla/protocol";
import { distinctPartitions, type TopicShape } from "../distinct-partitions.ts";
import { logErrorCode } from "../error-codes.ts";
import type { FetchPartition, OpenedFetch, SessionPartition } from "../fetch-sessions.ts";
import { type Answer, handler, type RequestContext } from "../handler.ts";
import { LeaderHints, partitionError } from "../partitions.ts";

const FIRST_VERSION_WITH_ZSTD = 10;
const FIRST_VERSION_WITH_STORAGE_ERROR = 6;
const FIRST_VERSION_WITH_TOPIC_IDS = 13;
const FIRST_VERSION_WITH_LEADERS = 16;
const UNKNOWN_SERVER_ERROR = errorCode("UNKNOWN_SERVER_ERROR");
const KAFKA_STORAGE_ERROR = errorCode("KAFKA_STORAGE_ERROR");
const NOT_LEADER_OR_FOLLOWER = errorCode("NOT_LEADER_OR_FOLLOWER");
const UNKNOWN_TOPIC_ID = errorCode("UNKNOWN_TOPIC_ID");

type PartitionResponse = NonNullable<
  NonNullable<FetchResponseInput["responses"]>[number]["partitions"]
>[number];

const READ_FAILURES: ReadonlySet<number> = new Set([NOT_LEADER_OR_FOLLOWER, UNKNOWN_SERVER_ERROR]);

type RequestedTopic = FetchRequest["topics"][number];

const SHAPE_BY_NAME: TopicShape<RequestedTopic, RequestedTopic["partitions"][number]> = {
  topicKey: ({ topic }) => topic,
  partitions: ({ partitions }) => partitions,
  index: ({ partition }) => partition,
  withPartitions: (topic, partitions) => ({ ...topic, partitions }),
};
const SHAPE_BY_ID: typeof SHAPE_BY_NAME = { ...SHAPE_BY_NAME, topicKey: ({ topicId }) => topicId };

/** One partition of a fetch: what is asked, what it resolves to, and what the session remembers of it. */
interface Read {
  readonly request: FetchPartition;
  readonly topic: Topic | null;
  readonly refusal: number;
  readonly remembered: SessionPartition | null;
}

export const fetchHandler = handler({
  api: fetch,

  async handle(context, request) {
    const { engine, config } = context.services;
    if (request.isolationLevel !== 0 && request.isolationLevel !== 1) {
      return unknownIsolation(context, request);
    }
    const opened = openSession(context, request);
    if (typeof opened === "string") return { errorCode: errorCode(opened), responses: [] };
    const reads = opened.partitions.map((entry) => resolve(context, request, entry));
    const served: ReadPartition[] = [];
    let counted: Topic | null = null;
    for (const { request: asked, topic, refusal } of reads) {
      if (topic !== null && topic !== counted) context.services.probe.topicFetched(topic.name);
      counted = topic;
      if (refusal === 0) served.push(readPartition(asked, topic!));
    }
    // As in Kafka: what is not there is told of with the answer of the others, what cannot be read at once.
    const mustAnswer =
      served.length === 0 || reads.some(({ refusal }) => READ_FAILURES.has(refusal));
    const results = await engine.read({
      partitions: served,
      minBytes: request.minBytes,
      maxBytes: Math.min(request.maxBytes, config(context.broker.id).number("fetch.max.bytes")),
      maxWaitMs: mustAnswer ? 0 : request.maxWaitMs,
      isolation: request.isolationLevel === 1 ? "committed" : "uncommitted",
      allowsZstd: context.version >= FIRST_VERSION_WITH_ZSTD,
      signal: context.connection.signal,
    });
    if (results.some(({ release }) => release !== null)) {
      context.exchange.onWritten = () => {
        for (const { release } of results) release?.();
      };
    }
    const hints = new LeaderHints(context, FIRST_VERSION_WITH_LEADERS);
    const responses = respond(context.version, reads, results, hints, opened);
    tellRefusals(context, reads, results);
    return {
      errorCode: 0,
      sessionId: opened.session?.id ?? 0,
      responses,
      nodeEndpoints: hints.nodeEndpoints(),
    };
  },
});

function openSession(context: RequestContext, request: FetchRequest) {
  const { sessionId, sessionEpoch } = request;
  return context.services.fetchSessions.open({
    sessionId,
    sessionEpoch,
    usesTopicIds: context.version >= FIRST_VERSION_WITH_TOPIC_IDS,
    partitions: requested(request),
    forgotten: request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((partition) => ({ topic, topicId, partition })),
    ),
  });
}

function requested(request: FetchRequest): FetchPartition[] {
  const partitions: FetchPartition[] = [];
  const byId = request.topics.some(({ topicId }) => topicId !== ZERO_UUID);
  const topics = distinctPartitions(request.topics, byId ? SHAPE_BY_ID : SHAPE_BY_NAME);
  for (const { topic, topicId, partitions: asked } of topics) {
    for (const one of asked) {
      partitions.push({
        topic,
        topicId,
        partition: one.partition,
        fetchOffset: one.fetchOffset,
        maxBytes: one.partitionMaxBytes,
        currentLeaderEpoch: one.currentLeaderEpoch,
        lastFetchedEpoch: one.lastFetchedEpoch,
      });
    }
  }
  return partitions;
}

function resolve(
  context: RequestContext,
  { maxBytes }: FetchRequest,
  entry: { request: FetchPartition; remembered: SessionPartition | null },
): Read {
  const { request, remembered } = entry;
  const { image } = context.services.store;
  const usesTopicIds = context.version >= FIRST_VERSION_WITH_TOPIC_IDS;
  const topic = usesTopicIds ? image.topicById(request.topicId) : image.topic(request.topic);
  let refusal =
    topic === null && usesTopicIds
      ? UNKNOWN_TOPIC_ID
      : partitionError(context, topic, request.partition);
  if (refusal === 0 && (maxBytes < 0 || request.maxBytes < 0)) refusal = UNKNOWN_SERVER_ERROR;
  return { request, topic, refusal, remembered };
}

function readPartition(request: FetchPartition, topic: Topic): ReadPartition {
  return {
    topicId: topic.topicId,
    partition: request.partition,
    offset: request.fetchOffset,
    maxBytes: request.maxBytes,
    currentLeaderEpoch: request.currentLeaderEpoch,
    lastFetchedEpoch: request.lastFetchedEpoch,
  };
}

/** Tells metrics what could not be read, as seldom as that is. */
function tellRefusals(
  { services }: RequestContext,
  reads: readonly Read[],
  results: readonly ReadResult[],
): void {
  let answered = 0;
  for (const { topic, refusal } of reads) {
    const error = refusal === 0 ? results[answered++]!.error : null;
    if (topic === null || (refusal === 0 && error === null)) continue;
    // Of a topic that went meanwhile nothing is counted any more.
    if (error !== "unknownTopic") services.probe.fetchRefused(topic.name, 1);
  }
}

function respond(
  version: number,
  reads: readonly Read[],
  results: readonly ReadResult[],
  hints: LeaderHints,
  { session, isIncremental }: OpenedFetch,
) {
  const responses: { topic: string; topicId: string; partitions: PartitionResponse[] }[] = [];
  let answered = 0;
  for (const { request, topic, refusal, remembered } of reads) {
    const result = refusal === 0 ? results[answered++]! : null;
    const code = result === null ? refusal : resultCode(version, result);
    const currentLeader = hints.currentLeader(code, topic, request.partition);
    const response =
      result === null
        ? refusedPartition(request.partition, code, currentLeader)
        : partitionResponse(request.partition, code, result, currentLeader);
    if (remembered !== null && !isNews(remembered, response, result) && isIncremental) continue;
    if (session !== null && remembered !== null && (result?.sizeBytes ?? 0) > 0) {
      session.moveToEnd(remembered);
    }
    const last = responses.at(-1);
    if (last !== undefined && last.topic === request.topic && last.topicId === request.topicId) {
      last.partitions.push(response);
    } else {
      const { topic: name, topicId } = request;
      responses.push({ topic: name, topicId, partitions: [response] });
    }
  }
  return responses;
}

/** Whether the consumer must hear of the partition; what it is told is remembered. */
function isNews(
  remembered: SessionPartition,
  response: PartitionResponse,
  result: ReadResult | null,
): boolean {
  if (result === null || result.error !== null) {
    // An error is told every time until it is gone, and what comes after it anew.
    remembered.highWatermark = -1;
    return true;
  }
  const { highWatermark, logStartOffset } = result;
  const isChanged =
    remembered.highWatermark !== highWatermark || remembered.logStartOffset !== logStartOffset;
  remembered.highWatermark = highWatermark;
  remembered.logStartOffset = logStartOffset;
  return isChanged || result.sizeBytes > 0 || response.divergingEpoch !== undefined;
}

/** Old clients know no storage error and come again after this one. */
function resultCode(version: number, { error }: ReadResult): number {
  const code = logErrorCode(error);
  return code === KAFKA_STORAGE_ERROR && version < FIRST_VERSION_WITH_STORAGE_ERROR
    ? NOT_LEADER_OR_FOLLOWER
    : code;
}

type CurrentLeader = ReturnType<LeaderHints["currentLeader"]>;

function partitionResponse(
  partitionIndex: number,
  code: number,
  result: ReadResult,
  currentLeader: CurrentLeader,
): PartitionResponse {
  const response = {
    partitionIndex,
    errorCode: code,
    highWatermark: result.highWatermark,
    lastStableOffset: result.lastStableOffset,
    logStartOffset: result.logStartOffset,
    abortedTransactions: result.abortedTransactions,
    records: result.records,
  };
  if (currentLeader !== undefined) return { ...response, currentLeader };
  if (result.divergingEpoch === null) return response;
  return { ...response, divergingEpoch: result.divergingEpoch };
}

function refusedPartition(
  partitionIndex: number,
  code: number,
  currentLeader: CurrentLeader,
): PartitionResponse {
  const response = {
    partitionIndex,
    errorCode: code,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    // Kafka's two ways to refuse: partitions that are not there, and those whose read fails.
    abortedTransactions: READ_FAILURES.has(code) ? null : [],
    records: [],
  };
  return currentLeader === undefined ? response : { ...response, currentLeader };
}

/** Kafka fails the whole request, and each partition of it where they are named. */
function unknownIsolation(context: RequestContext, request: FetchRequest): Answer<typeof fetch> {
  const responses =
    context.version >= FIRST_VERSION_WITH_TOPIC_IDS
      ? []
      : request.topics.map(({ topic, partitions }) => ({
          topic,
          partitions: partitions.map(({ partition }) => ({
            ...refusedPartition(partition, UNKNOWN_SERVER_ERROR, undefined),
            abortedTransactions: [],
          })),
        }));
  return { errorCode: UNKNOWN_SERVER_ERROR, responses };
}
