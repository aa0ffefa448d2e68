/**
 * An incremental fetch session with one broker (KIP-227): after a first full request only what changed is sent, and the broker answers
 * only about partitions with news. A session that the broker refuses or the connection loses starts over with a full request.
 *
 * A request is built by {@link FetchSession.build} from all wanted partitions; {@link FetchSession.onAnswer} must be told the outcome
 * before the next one.
 */
export interface WantedPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly fetchOffset: number;
  readonly leaderEpoch: number;
  readonly lastFetchedEpoch: number;
  readonly maxBytes: number;
}

export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly partitions: readonly WantedPartition[];
  readonly forgotten: readonly WantedPartition[];
}

const FULL_EPOCH = 0;
const MAX_EPOCH = 0x7fff_ffff;

export class FetchSession {
  #id = 0;
  #epoch = FULL_EPOCH;
  #isById = false;
  readonly #known = new Map<string, Map<number, WantedPartition>>();

  /** `isById` says whether topics are named by id: changing that needs a new session. */
  build(wanted: readonly WantedPartition[], isById: boolean): SessionRequest {
    if (isById !== this.#isById) this.reset();
    this.#isById = isById;
    if (this.#epoch === FULL_EPOCH) {
      this.#known.clear();
      for (const partition of wanted) this.#remember(partition);
      return { sessionId: 0, sessionEpoch: FULL_EPOCH, partitions: wanted, forgotten: [] };
    }
    const partitions: WantedPartition[] = [];
    const kept = new Map<string, Set<number>>();
    for (const now of wanted) {
      const before = this.#known.get(now.topic)?.get(now.partition);
      if (before === undefined || isDifferent(before, now)) {
        partitions.push(now);
        this.#remember(now);
      }
      const numbers = kept.get(now.topic);
      if (numbers === undefined) kept.set(now.topic, new Set([now.partition]));
      else numbers.add(now.partition);
    }
    const forgotten: WantedPartition[] = [];
    for (const [topic, numbers] of this.#known) {
      for (const [number, partition] of numbers) {
        if (kept.get(topic)?.has(number) === true) continue;
        forgotten.push(partition);
        numbers.delete(number);
      }
      if (numbers.size === 0) this.#known.delete(topic);
    }
    return { sessionId: this.#id, sessionEpoch: this.#epoch, partitions, forgotten };
  }

  /** The broker took the request; `sessionId` zero means that it keeps no session. */
  onAnswer(sessionId: number): void {
    if (sessionId === 0) {
      this.reset();
      return;
    }
    this.#epoch = sessionId === this.#id && this.#epoch < MAX_EPOCH ? this.#epoch + 1 : 1;
    this.#id = sessionId;
  }

  /** The next request is a full one. */
  reset(): void {
    this.#id = 0;
    this.#epoch = FULL_EPOCH;
    this.#known.clear();
  }

  #remember(partition: WantedPartition): void {
    const numbers = this.#known.get(partition.topic);
    if (numbers === undefined) {
      this.#known.set(partition.topic, new Map([[partition.partition, partition]]));
    } else {
      numbers.set(partition.partition, partition);
    }
  }
}

function isDifferent(a: WantedPartition, b: WantedPartition): boolean {
  return (
    a.fetchOffset !== b.fetchOffset ||
    a.leaderEpoch !== b.leaderEpoch ||
    a.lastFetchedEpoch !== b.lastFetchedEpoch ||
    a.maxBytes !== b.maxBytes ||
    a.topicId !== b.topicId
  );
}
