import {
  consumerProtocolSubscription,
  decodeData,
  ProtocolError,
  readVersion,
} from "@ottla/protocol";

/** The topics that the members of a group subscribe to. A subscription is read when it comes and when it goes, not at every rebalance. */
export class SubscribedTopics {
  /** How many members subscribe to a topic. */
  readonly #counts = new Map<string, number>();
  readonly #metadata = new Map<string, Buffer | null>();
  #unreadable = 0;

  /** Whether all subscriptions could be read. */
  get isKnown(): boolean {
    return this.#unreadable === 0;
  }

  has(topic: string): boolean {
    return this.#counts.has(topic);
  }

  /** What members say, by their ids; null for one that says nothing. */
  update(members: ReadonlyMap<string, Buffer | null>): void {
    for (const [memberId, metadata] of this.#metadata) {
      if (members.has(memberId) && members.get(memberId) === metadata) continue;
      this.#metadata.delete(memberId);
      this.#count(metadata, -1);
    }
    for (const [memberId, metadata] of members) {
      if (this.#metadata.has(memberId)) continue;
      this.#metadata.set(memberId, metadata);
      this.#count(metadata, 1);
    }
  }

  #count(metadata: Buffer | null, change: 1 | -1): void {
    const topics = metadata === null ? null : readTopics(metadata);
    if (topics === null) this.#unreadable += change;
    for (const topic of topics ?? []) {
      const count = (this.#counts.get(topic) ?? 0) + change;
      if (count === 0) this.#counts.delete(topic);
      else this.#counts.set(topic, count);
    }
  }
}

/**
 * The topics of a consumer protocol subscription; null when the bytes are none. Every version begins with version 0, which is all that is
 * read, so that a version to come is understood as well.
 */
function readTopics(metadata: Buffer): readonly string[] | null {
  try {
    if (readVersion(metadata) < 0) return null;
    return decodeData(consumerProtocolSubscription, 0, metadata, 2).topics;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
