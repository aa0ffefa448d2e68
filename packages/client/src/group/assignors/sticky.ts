/**
 * The sticky assignment both sticky assignors share: as balanced as subscriptions allow, and among those as close as possible to what
 * members own now (KIP-54, KIP-341, KIP-429).
 *
 * Partitions are numbered through over the sorted topics and members over their order, so the work is on integer arrays:
 *   1. claims: an owned partition stays with its claimant; of two claimants the later generation wins, of two in the same generation
 *      neither is believed;
 *   2. free partitions go to the least loaded subscriber, those with the fewest possible subscribers first;
 *   3. partitions move one at a time from a member to a subscriber that has at least two fewer, until there is no such pair.
 * With equal subscriptions the loads then differ by at most one, and only as many partitions moved as had to.
 */
import type { PartitionsByTopic } from "../subscription.ts";
import { type AssignorInput, compareText, type GroupMember, inMemberOrder } from "./assignor.ts";

/** Partitions by topic for each member id; every member has an entry. */
export function assignSticky(input: AssignorInput): Map<string, Map<string, number[]>> {
  const members = inMemberOrder(input.members);
  const topics = [...input.partitionCounts.keys()].sort(compareText);
  const plan = new Plan(topics, input.partitionCounts, members);
  plan.claim(members);
  plan.placeFree();
  plan.balance();
  return plan.result(members);
}

const FREE = -1;

class Plan {
  readonly #topics: readonly string[];
  /** The number of the first partition of each topic; one more entry at the end. */
  readonly #starts: number[] = [0];
  readonly #topicIndex = new Map<string, number>();
  /** Member indexes that asked for each topic. */
  readonly #subscribers: number[][];
  readonly #owner: Int32Array;
  readonly #load: Int32Array;

  constructor(
    topics: readonly string[],
    counts: ReadonlyMap<string, number>,
    members: readonly GroupMember[],
  ) {
    this.#topics = topics;
    this.#subscribers = topics.map(() => []);
    for (const [index, topic] of topics.entries()) {
      this.#topicIndex.set(topic, index);
      this.#starts.push(this.#starts[index]! + counts.get(topic)!);
    }
    for (const [memberIndex, member] of members.entries()) {
      for (const topic of new Set(member.topics)) {
        const index = this.#topicIndex.get(topic);
        if (index !== undefined) this.#subscribers[index]!.push(memberIndex);
      }
    }
    this.#owner = new Int32Array(this.#starts.at(-1)!).fill(FREE);
    this.#load = new Int32Array(members.length);
  }

  claim(members: readonly GroupMember[]): void {
    const generations = new Map<number, number>();
    for (const [memberIndex, member] of members.entries()) {
      for (const [topic, partitions] of member.ownedPartitions) {
        const topicIndex = this.#topicIndex.get(topic);
        if (topicIndex === undefined) continue;
        if (!this.#subscribers[topicIndex]!.includes(memberIndex)) continue;
        const start = this.#starts[topicIndex]!;
        for (const partition of new Set(partitions)) {
          const number = start + partition;
          if (partition < 0 || number >= this.#starts[topicIndex + 1]!) continue;
          const claimed = generations.get(number);
          if (claimed === undefined || member.generation > claimed) {
            this.#move(number, memberIndex);
            generations.set(number, member.generation);
          } else if (member.generation === claimed) {
            this.#move(number, FREE);
          }
        }
      }
    }
  }

  placeFree(): void {
    const order = this.#topics.map((_, index) => index);
    order.sort((a, b) => this.#subscribers[a]!.length - this.#subscribers[b]!.length || a - b);
    for (const topicIndex of order) {
      for (let p = this.#starts[topicIndex]!; p < this.#starts[topicIndex + 1]!; p++) {
        if (this.#owner[p] !== FREE) continue;
        this.#move(p, this.#leastLoaded(this.#subscribers[topicIndex]!) ?? FREE);
      }
    }
  }

  balance(): void {
    const order = Array.from(this.#load.keys());
    do {
      order.sort((a, b) => this.#load[b]! - this.#load[a]! || a - b);
    } while (order.some((member) => this.#giveOneAway(member)));
  }

  /** From the most loaded first, so that no partition moves that could have stayed. Low partitions, placed first, stay longest. */
  #giveOneAway(from: number): boolean {
    for (let topicIndex = this.#topics.length - 1; topicIndex >= 0; topicIndex--) {
      const to = this.#leastLoaded(this.#subscribers[topicIndex]!);
      if (to === undefined || this.#load[from]! - this.#load[to]! < 2) continue;
      for (let p = this.#starts[topicIndex + 1]! - 1; p >= this.#starts[topicIndex]!; p--) {
        if (this.#owner[p] !== from) continue;
        this.#move(p, to);
        return true;
      }
    }
    return false;
  }

  result(members: readonly GroupMember[]): Map<string, Map<string, number[]>> {
    const byMember = members.map(() => new Map<string, number[]>());
    for (const [topicIndex, topic] of this.#topics.entries()) {
      const start = this.#starts[topicIndex]!;
      for (let p = start; p < this.#starts[topicIndex + 1]!; p++) {
        const owner = this.#owner[p]!;
        if (owner === FREE) continue;
        const own = byMember[owner]!;
        const partitions = own.get(topic);
        if (partitions === undefined) own.set(topic, [p - start]);
        else partitions.push(p - start);
      }
    }
    return new Map(members.map((member, index) => [member.memberId, byMember[index]!]));
  }

  #move(partition: number, to: number): void {
    const from = this.#owner[partition]!;
    if (from !== FREE) this.#load[from]! -= 1;
    if (to !== FREE) this.#load[to]! += 1;
    this.#owner[partition] = to;
  }

  #leastLoaded(subscribers: readonly number[]): number | undefined {
    let best = subscribers[0];
    for (const member of subscribers) {
      if (this.#load[member]! < this.#load[best!]!) best = member;
    }
    return best;
  }
}

/** What is in `all` for any topic and not in `less`. */
export function subtractPartitions(all: PartitionsByTopic, less: PartitionsByTopic) {
  const rest = new Map<string, number[]>();
  for (const [topic, partitions] of all) {
    const taken = new Set(less.get(topic) ?? []);
    const left = partitions.filter((partition) => !taken.has(partition));
    if (left.length > 0) rest.set(topic, left);
  }
  return rest;
}
