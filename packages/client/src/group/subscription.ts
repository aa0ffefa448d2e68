/**
 * The payloads classic consumer groups exchange through the broker, which does not look inside: what a member wants (subscription,
 * in JoinGroup) and what the leader gave it (assignment, in SyncGroup). Layout as in Kafka's ConsumerProtocolSubscription and
 * ConsumerProtocolAssignment, big-endian, never flexible:
 *
 *     subscription  version:int16 topics:[string] userData:bytes?
 *                   v1+ owned:[topic:string partitions:[int32]]  v2+ generation:int32  v3+ rack:string?
 *     assignment    version:int16 assigned:[topic:string partitions:[int32]] userData:bytes?
 *
 * Readers accept any version from 0 up and ignore fields after those they know, so newer members can join.
 */
import { MalformedResponseError } from "../errors.ts";

/** Partition numbers by topic. */
export type PartitionsByTopic = ReadonlyMap<string, readonly number[]>;

export interface Subscription {
  readonly topics: readonly string[];
  /** Opaque bytes from the member's assignor, or null. */
  readonly userData: Buffer | null;
  readonly ownedPartitions: PartitionsByTopic;
  /** The generation the owned partitions belong to, or −1. */
  readonly generation: number;
  readonly rackId: string | null;
}

export interface Assignment {
  readonly partitions: PartitionsByTopic;
  /** Opaque bytes from the leader's assignor to this member, or null. */
  readonly userData: Buffer | null;
}

const VERSION = 3;

export function encodeSubscription(subscription: Subscription): Buffer {
  const writer = new ByteWriter();
  writer.int16(VERSION);
  writer.int32(subscription.topics.length);
  for (const topic of subscription.topics) writer.string(topic);
  writer.bytes(subscription.userData);
  writer.partitions(subscription.ownedPartitions);
  writer.int32(subscription.generation);
  writer.string(subscription.rackId);
  return writer.take();
}

/** @throws {MalformedResponseError} when the bytes do not hold a subscription. */
export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new ByteReader(bytes, "subscription");
  const version = reader.int16();
  if (version < 0) throw new MalformedResponseError(`subscription of version ${version}`);
  const topics: string[] = [];
  for (let left = reader.count(2); left > 0; left--) topics.push(reader.string() ?? "");
  const userData = reader.bytes();
  return {
    topics,
    userData,
    ownedPartitions: version >= 1 ? reader.partitions() : new Map(),
    generation: version >= 2 ? reader.int32() : -1,
    rackId: version >= 3 ? reader.string() : null,
  };
}

export function encodeAssignment(assignment: Assignment): Buffer {
  const writer = new ByteWriter();
  writer.int16(VERSION);
  writer.partitions(assignment.partitions);
  writer.bytes(assignment.userData);
  return writer.take();
}

/**
 * No bytes at all mean nothing is assigned: a coordinator answers so when the leader forgot the member.
 * @throws {MalformedResponseError} when the bytes do not hold an assignment.
 */
export function decodeAssignment(bytes: Buffer): Assignment {
  if (bytes.length === 0) return { partitions: new Map(), userData: null };
  const reader = new ByteReader(bytes, "assignment");
  const version = reader.int16();
  if (version < 0) throw new MalformedResponseError(`assignment of version ${version}`);
  return { partitions: reader.partitions(), userData: reader.bytes() };
}

class ByteWriter {
  readonly #parts: Buffer[] = [];

  int16(value: number): void {
    const bytes = Buffer.allocUnsafe(2);
    bytes.writeInt16BE(value);
    this.#parts.push(bytes);
  }

  int32(value: number): void {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32BE(value);
    this.#parts.push(bytes);
  }

  string(value: string | null): void {
    if (value === null) {
      this.int16(-1);
      return;
    }
    const bytes = Buffer.from(value);
    this.int16(bytes.length);
    this.#parts.push(bytes);
  }

  bytes(value: Uint8Array | null): void {
    if (value === null) {
      this.int32(-1);
      return;
    }
    this.int32(value.length);
    this.#parts.push(Buffer.from(value));
  }

  partitions(byTopic: PartitionsByTopic): void {
    this.int32(byTopic.size);
    for (const [topic, partitions] of byTopic) {
      this.string(topic);
      this.int32(partitions.length);
      for (const partition of partitions) this.int32(partition);
    }
  }

  take(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

class ByteReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  #advance(size: number): number {
    const at = this.#at;
    if (size < 0 || at + size > this.#bytes.length) {
      throw new MalformedResponseError(`${this.#what} ends before its fields do`);
    }
    this.#at = at + size;
    return at;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  /** A count whose items take at least `itemBytes` each, so that it is bounded by the bytes there are. */
  count(itemBytes: number): number {
    const count = this.int32();
    if (count > (this.#bytes.length - this.#at) / itemBytes) {
      throw new MalformedResponseError(`${this.#what} claims ${count} items`);
    }
    return count;
  }

  string(): string | null {
    const size = this.int16();
    if (size < 0) return null;
    const at = this.#advance(size);
    return this.#bytes.toString("utf8", at, at + size);
  }

  bytes(): Buffer | null {
    const size = this.int32();
    if (size < 0) return null;
    const at = this.#advance(size);
    return Buffer.from(this.#bytes.subarray(at, at + size));
  }

  partitions(): Map<string, number[]> {
    const byTopic = new Map<string, number[]>();
    for (let left = this.count(6); left > 0; left--) {
      const topic = this.string() ?? "";
      const partitions: number[] = byTopic.get(topic) ?? [];
      for (let more = this.count(4); more > 0; more--) partitions.push(this.int32());
      byTopic.set(topic, partitions);
    }
    return byTopic;
  }
}
