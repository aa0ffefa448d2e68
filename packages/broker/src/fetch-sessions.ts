/**
 * Incremental fetch sessions (KIP-227): the broker remembers which partitions a consumer reads, a request names only what changed, a
 * response only what is new.
 *
 * Bounds: `max.incremental.fetch.session.cache.slots` sessions, {@link MAX_PARTITIONS_OF_ONE} partitions in each and {@link MAX_SESSION_PARTITIONS} in all of them. Where there is no room for
 * a new session, one that was not used for two minutes gives way; with none so old the fetch is served in full and without a session (id 0), which
 * clients accept at any time. A session that grows beyond the room ends, and its client begins another.
 *
 * Order: partitions are read in the order of the map, and one that returned records moves to the end, so that a busy partition does not
 * starve those behind it.
 */
import type { Clock, Random } from "@ottla/platform";

const FINAL_EPOCH = -1;
const INITIAL_EPOCH = 0;
const MIN_IDLE_MS_FOR_EVICTION = 120_000;
const MAX_EPOCH = 0x7fff_ffff;

/** Whoever asks may name partitions that do not exist, and is remembered with them. */
const MAX_SESSION_PARTITIONS = 1_000_000;
/** A request of a few bytes goes through all partitions of its session, in one turn of the event loop. */
const MAX_PARTITIONS_OF_ONE = 20_000;

/** A partition as a consumer reads it. */
export interface FetchPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly fetchOffset: number;
  readonly maxBytes: number;
  readonly currentLeaderEpoch: number;
  readonly lastFetchedEpoch: number;
}

export interface SessionPartition {
  request: FetchPartition;
  /** What the consumer was last told; −1 before that. */
  highWatermark: number;
  logStartOffset: number;
}

/** What a Fetch says of its session. */
export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly usesTopicIds: boolean;
  /** New in the session, or read differently from now on. Each at most once. */
  readonly partitions: readonly FetchPartition[];
  readonly forgotten: readonly {
    readonly topic: string;
    readonly topicId: string;
    readonly partition: number;
  }[];
}

/** The session that a Fetch belongs to and the partitions it reads. */
export interface OpenedFetch {
  readonly session: FetchSession | null;
  /** Whether the response tells only what is new. */
  readonly isIncremental: boolean;
  readonly partitions: readonly {
    readonly request: FetchPartition;
    readonly remembered: SessionPartition | null;
  }[];
}

/** Why a Fetch is out of turn; Kafka's names. */
export type SessionError =
  | "FETCH_SESSION_ID_NOT_FOUND"
  | "INVALID_FETCH_SESSION_EPOCH"
  | "FETCH_SESSION_TOPIC_ID_ERROR";

export class FetchSession {
  readonly id: number;
  readonly usesTopicIds: boolean;
  readonly partitions: Map<string, SessionPartition>;
  /** The epoch that the next request must carry. */
  nextEpoch = 1;
  lastUsedMs: number;

  constructor(id: number, usesTopicIds: boolean, now: number) {
    this.id = id;
    this.usesTopicIds = usesTopicIds;
    this.lastUsedMs = now;
    this.partitions = new Map();
  }

  /** Adds a partition or changes how it is read. */
  put(request: FetchPartition): void {
    const key = this.#key(request.topic, request.topicId, request.partition);
    const known = this.partitions.get(key);
    if (known === undefined) {
      this.partitions.set(key, { request, highWatermark: -1, logStartOffset: -1 });
    } else {
      known.request = request;
    }
  }

  forget(topic: string, topicId: string, partition: number): void {
    this.partitions.delete(this.#key(topic, topicId, partition));
  }

  moveToEnd(entry: SessionPartition): void {
    const { topic, topicId, partition } = entry.request;
    const key = this.#key(topic, topicId, partition);
    if (this.partitions.delete(key)) this.partitions.set(key, entry);
  }

  advance(now: number): void {
    this.lastUsedMs = now;
    this.nextEpoch = this.nextEpoch === MAX_EPOCH ? 1 : this.nextEpoch + 1;
  }

  #key(topic: string, topicId: string, partition: number): string {
    return `${this.usesTopicIds ? topicId : topic}:${partition}`;
  }
}

export class FetchSessionCache {
  readonly #slots: number;
  readonly #maxPartitions: number;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Least recently used first. */
  readonly #sessions = new Map<number, FetchSession>();
  #evictions = 0;
  /** In all sessions together. */
  #partitionCount = 0;

  constructor(slots: number, clock: Clock, random: Random, maxPartitions = MAX_SESSION_PARTITIONS) {
    this.#slots = slots;
    this.#maxPartitions = maxPartitions;
    this.#clock = clock;
    this.#random = random;
  }

  get count(): number {
    return this.#sessions.size;
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  get evictions(): number {
    return this.#evictions;
  }

  /** Begins, continues or ends a session as a Fetch asks; a name is Kafka's error for one out of turn (gotcha 6). */
  open(request: SessionRequest): OpenedFetch | SessionError {
    const { sessionId, sessionEpoch, usesTopicIds } = request;
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      const named = this.#sessions.get(sessionId);
      if (named !== undefined) this.#end(named);
      const isNew = sessionEpoch === INITIAL_EPOCH && request.partitions.length > 0;
      const session = isNew ? this.#create(usesTopicIds, request.partitions) : null;
      if (session === null) return sessionless(request);
      return { session, isIncremental: false, partitions: remembered(session) };
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return "FETCH_SESSION_ID_NOT_FOUND";
    if (session.nextEpoch !== sessionEpoch) return "INVALID_FETCH_SESSION_EPOCH";
    if (session.usesTopicIds !== usesTopicIds) return "FETCH_SESSION_TOPIC_ID_ERROR";
    const { size } = session.partitions;
    for (const partition of request.partitions) session.put(partition);
    for (const { topic, topicId, partition } of request.forgotten) {
      session.forget(topic, topicId, partition);
    }
    this.#partitionCount += session.partitions.size - size;
    if (session.partitions.size === 0) {
      this.#end(session);
      return sessionless(request);
    }
    const isTooLarge = session.partitions.size > MAX_PARTITIONS_OF_ONE;
    if (isTooLarge || this.#partitionCount > this.#maxPartitions) {
      this.#end(session);
      return "FETCH_SESSION_ID_NOT_FOUND";
    }
    this.#touch(session);
    return { session, isIncremental: true, partitions: remembered(session) };
  }

  /** A new session, or null when there is no room for one. */
  #create(usesTopicIds: boolean, partitions: readonly FetchPartition[]): FetchSession | null {
    if (partitions.length > Math.min(this.#maxPartitions, MAX_PARTITIONS_OF_ONE)) return null;
    while (!this.#hasRoom(partitions.length)) if (!this.#evict()) return null;
    let id: number;
    do id = 1 + this.#random.integer(MAX_EPOCH);
    while (this.#sessions.has(id));
    const session = new FetchSession(id, usesTopicIds, this.#clock.monotonic());
    for (const partition of partitions) session.put(partition);
    this.#sessions.set(id, session);
    this.#partitionCount += session.partitions.size;
    return session;
  }

  #hasRoom(partitions: number): boolean {
    return (
      this.#sessions.size < this.#slots && this.#partitionCount + partitions <= this.#maxPartitions
    );
  }

  #end(session: FetchSession): void {
    this.#sessions.delete(session.id);
    this.#partitionCount -= session.partitions.size;
  }

  /** Notes that a session was used. */
  #touch(session: FetchSession): void {
    session.advance(this.#clock.monotonic());
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  #evict(): boolean {
    const oldest = this.#sessions.values().next().value;
    if (oldest === undefined) return false;
    if (this.#clock.monotonic() - oldest.lastUsedMs < MIN_IDLE_MS_FOR_EVICTION) return false;
    this.#end(oldest);
    this.#evictions++;
    return true;
  }
}

function sessionless({ partitions }: SessionRequest): OpenedFetch {
  return {
    session: null,
    isIncremental: false,
    partitions: partitions.map((request) => ({ request, remembered: null })),
  };
}

function remembered(session: FetchSession) {
  return Array.from(session.partitions.values(), (entry) => ({
    request: entry.request,
    remembered: entry,
  }));
}
