/**
 * One function per API that the benchmark's clients use, each for the versions that they pick, in the classic encoding. Older versions
 * are announced too where librdkafka looks for them before it uses a feature.
 */
import type { ByteReader, ByteWriter } from "../wire/bytes.ts";
import { apiKeys } from "../wire/requests.ts";
import { acceptBatch, type CeilingTopics, replay, replayEnd } from "./topics.ts";

export interface CeilingBroker {
  readonly topics: CeilingTopics;
  readonly port: number;
}

export interface CeilingApi {
  readonly announcedFrom: number;
  /** Versions that the clients choose. */
  readonly answered: readonly number[];
  readonly answer: CeilingAnswer;
}

/**
 * Writes the response's body. @returns how long to wait for something better to say, in ms; 0: send it now; {@link noAnswer}: send nothing.
 */
export type CeilingAnswer = (
  request: ByteReader,
  body: ByteWriter,
  broker: CeilingBroker,
  version: number,
) => number;

/** For acks=0. */
export const noAnswer = -1;
const now = 0;

/** ApiVersions: clients begin with the newest that they know. */
export const anyVersion: readonly number[] = [];
const nodeId = 0;
const unknownOperations = -0x8000_0000;
const host = "127.0.0.1";

export const ceilingApis: ReadonlyMap<number, CeilingApi> = new Map([
  [apiKeys.produce, { announcedFrom: 3, answered: [7, 8], answer: produce }],
  [apiKeys.fetch, { announcedFrom: 4, answered: [11], answer: fetch }],
  [apiKeys.listOffsets, { announcedFrom: 1, answered: [1, 2], answer: listOffsets }],
  [apiKeys.metadata, { announcedFrom: 0, answered: [4, 8], answer: metadata }],
  [apiKeys.offsetCommit, { announcedFrom: 1, answered: [7], answer: offsetCommit }],
  [apiKeys.offsetFetch, { announcedFrom: 1, answered: [5], answer: offsetFetch }],
  [apiKeys.findCoordinator, { announcedFrom: 0, answered: [2], answer: findCoordinator }],
  [apiKeys.joinGroup, { announcedFrom: 0, answered: [5], answer: joinGroup }],
  [apiKeys.heartbeat, { announcedFrom: 0, answered: [3], answer: allIsWell }],
  [apiKeys.leaveGroup, { announcedFrom: 0, answered: [2], answer: allIsWell }],
  [apiKeys.syncGroup, { announcedFrom: 0, answered: [3], answer: syncGroup }],
  [apiKeys.apiVersions, { announcedFrom: 0, answered: anyVersion, answer: apiVersions }],
  [apiKeys.createTopics, { announcedFrom: 2, answered: [4], answer: createTopics }],
  [apiKeys.deleteTopics, { announcedFrom: 1, answered: [3], answer: deleteTopics }],
  [apiKeys.initProducerId, { announcedFrom: 0, answered: [1], answer: initProducerId }],
]);

/** In each version that a client may fall back to; to newer ones what KIP-511 asks for. */
function apiVersions(
  _request: ByteReader,
  body: ByteWriter,
  _broker: CeilingBroker,
  version: number,
): number {
  if (version > 2) {
    body.int16(35).int32(1).int16(apiKeys.apiVersions).int16(0).int16(2);
    return now;
  }
  body.int16(0);
  const newest = ({ answered }: CeilingApi) => (answered === anyVersion ? 2 : answered.at(-1)!);
  body.array([...ceilingApis], ([key, api]) =>
    body.int16(key).int16(api.announcedFrom).int16(newest(api)),
  );
  if (version > 0) body.int32(0);
  return now;
}

function produce(
  request: ByteReader,
  body: ByteWriter,
  { topics }: CeilingBroker,
  version: number,
): number {
  request.string();
  const acks = request.int16();
  request.int32();
  mapTopics(request, body, (topic) => {
    const index = request.int32();
    const base = acceptBatch(topics.partition(topic, index), request.bytes()!);
    body.int32(index).int16(0).int64(base).int64(-1).int64(0);
    if (version >= 8) body.int32(0).int16(-1);
  });
  body.int32(0);
  return acks === 0 ? noAnswer : now;
}

function fetch(request: ByteReader, body: ByteWriter, { topics }: CeilingBroker): number {
  body.int32(0).int16(0).int32(0);
  request.int32();
  const maxWaitMs = request.int32();
  request.int32();
  const maxBytes = request.int32();
  request.int8();
  request.int64();
  let sum = 0;
  mapTopics(request, body, (topic) => {
    const index = request.int32();
    request.int32();
    const offset = request.int64();
    request.int64();
    const partition = topics.partition(topic, index);
    const partitionMaxBytes = Math.min(request.int32(), maxBytes - sum);
    const records = replay(partition, offset, partitionMaxBytes);
    sum += records.length;
    const end = replayEnd(partition);
    body.int32(index).int16(0).int64(end).int64(end).int64(0).int32(-1).int32(-1).bytes(records);
  });
  return sum > 0 ? now : maxWaitMs;
}

function listOffsets(
  request: ByteReader,
  body: ByteWriter,
  { topics }: CeilingBroker,
  version: number,
): number {
  if (version >= 2) body.int32(0);
  request.int32();
  if (version >= 2) request.int8();
  mapTopics(request, body, (topic) => {
    const index = request.int32();
    const isEarliest = request.int64() === -2;
    const offset = isEarliest ? 0 : topics.partition(topic, index).endOffset;
    body.int32(index).int16(0).int64(-1).int64(offset);
  });
  return now;
}

function metadata(
  request: ByteReader,
  body: ByteWriter,
  { topics, port }: CeilingBroker,
  version: number,
): number {
  const isV8 = version === 8;
  // A null list, which reads as no names at all here, asks for every topic.
  const asked = request.array(() => request.string() ?? "");
  body.int32(0).int32(1).int32(nodeId).string(host).int32(port);
  body.string(null).string("ceiling").int32(nodeId);
  body.array(asked.length > 0 ? asked : topics.names(), (name) => {
    body.int16(0).string(name).boolean(false);
    body.array([...topics.partitions(name).keys()], (index) => {
      body.int16(0).int32(index).int32(nodeId);
      if (isV8) body.int32(-1); // Leader epoch.
      body.int32(1).int32(nodeId).int32(1).int32(nodeId);
      if (isV8) body.int32(0); // Offline replicas.
    });
    if (isV8) body.int32(unknownOperations);
  });
  if (isV8) body.int32(unknownOperations);
  return now;
}

function findCoordinator(_request: ByteReader, body: ByteWriter, { port }: CeilingBroker): number {
  body.int32(0).int16(0).string(null).int32(nodeId).string(host).int32(port);
  return now;
}

/** A group of one: whoever joins is the leader of generation 1. */
function joinGroup(request: ByteReader, body: ByteWriter): number {
  const member = "member";
  request.string();
  request.int32();
  request.int32();
  request.string();
  const instance = request.string();
  request.string();
  const [protocol] = request.array(() => ({ name: request.string(), metadata: request.bytes() }));
  body
    .int32(0)
    .int16(0)
    .int32(1)
    .string(protocol?.name ?? "");
  body.string(member).string(member).int32(1);
  body
    .string(member)
    .string(instance)
    .bytes(protocol?.metadata ?? Buffer.alloc(0));
  return now;
}

function syncGroup(request: ByteReader, body: ByteWriter): number {
  request.string();
  request.int32();
  request.string();
  request.string();
  const [mine] = request.array(() => ({ member: request.string(), assignment: request.bytes() }));
  body
    .int32(0)
    .int16(0)
    .bytes(mine?.assignment ?? Buffer.alloc(0));
  return now;
}

function offsetFetch(request: ByteReader, body: ByteWriter): number {
  body.int32(0);
  request.string();
  mapTopics(request, body, () =>
    body.int32(request.int32()).int64(-1).int32(-1).string("").int16(0),
  );
  body.int16(0);
  return now;
}

function offsetCommit(request: ByteReader, body: ByteWriter): number {
  body.int32(0);
  request.string();
  request.int32();
  request.string();
  request.string();
  mapTopics(request, body, () => {
    body.int32(request.int32()).int16(0);
    request.int64();
    request.int32();
    request.string();
  });
  return now;
}

function initProducerId(_request: ByteReader, body: ByteWriter): number {
  body.int32(0).int16(0).int64(1).int16(0);
  return now;
}

/** Without replica assignments and configurations, which the benchmark does not send. */
function createTopics(request: ByteReader, body: ByteWriter, { topics }: CeilingBroker): number {
  body.int32(0);
  const names = request.array(() => {
    const name = request.string() ?? "";
    topics.create(name, request.int32());
    request.int16();
    request.int64();
    return name;
  });
  body.array(names, (name) => body.string(name).int16(0).string(null));
  return now;
}

function deleteTopics(request: ByteReader, body: ByteWriter, { topics }: CeilingBroker): number {
  body.int32(0);
  const names = request.array(() => request.string() ?? "");
  for (const name of names) topics.delete(name);
  body.array(names, (name) => body.string(name).int16(0));
  return now;
}

/** Heartbeat and LeaveGroup. */
function allIsWell(_request: ByteReader, body: ByteWriter): number {
  body.int32(0).int16(0);
  return now;
}

/** Walks topics and partitions of a request while writing the same nesting into the response. */
function mapTopics(
  request: ByteReader,
  body: ByteWriter,
  eachPartition: (topic: string) => void,
): void {
  const topicCount = request.int32();
  body.int32(topicCount);
  for (let i = 0; i < topicCount; i++) {
    const topic = request.string() ?? "";
    const partitionCount = request.int32();
    body.string(topic).int32(partitionCount);
    for (let j = 0; j < partitionCount; j++) eachPartition(topic);
  }
}
