/**
 * Who is in a classic group, without regard to its state: members in the order they came, static ids, who leads, which
 * protocols all support, who waits for a join. Every count here is kept, not computed, because groups may have thousands of members.
 */
import type { ClassicMember, JoinReply } from "./classic-member.ts";
import type { JoinGroupProtocol } from "./group-types.ts";
import { bytesOf, type MemberMemory, namesBytes } from "./member-memory.ts";

export class ClassicMembership {
  readonly #members = new Map<string, ClassicMember>();
  readonly #staticIds = new Map<string, string>();
  /** How many members support each protocol. */
  readonly #support = new Map<string, number>();
  readonly #memory: MemberMemory;
  #heldBytes = 0;
  #isForgotten = false;
  #leader: string | null = null;
  #awaitingJoin = 0;

  constructor(memory: MemberMemory) {
    this.#memory = memory;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Member id of the leader; null without members. */
  get leader(): string | null {
    return this.#leader;
  }

  get awaitingJoin(): number {
    return this.#awaitingJoin;
  }

  get(memberId: string): ClassicMember | undefined {
    return this.#members.get(memberId);
  }

  has(memberId: string): boolean {
    return this.#members.has(memberId);
  }

  [Symbol.iterator](): MapIterator<ClassicMember> {
    return this.#members.values();
  }

  /** Member id behind a group instance id. */
  staticMemberId(groupInstanceId: string): string | undefined {
    return this.#staticIds.get(groupInstanceId);
  }

  /** The first member leads. */
  add(member: ClassicMember): void {
    this.#members.set(member.memberId, member);
    if (member.groupInstanceId !== null) {
      this.#staticIds.set(member.groupInstanceId, member.memberId);
    }
    this.#leader ??= member.memberId;
    this.#hold(namesBytes(member));
    this.#count(member.protocols, 1);
    if (member.joinReply !== null) this.#awaitingJoin++;
  }

  /** A leader that goes is followed by the oldest member. */
  remove(memberId: string): ClassicMember | null {
    const member = this.#members.get(memberId);
    if (member === undefined) return null;
    this.#members.delete(memberId);
    if (member.groupInstanceId !== null) this.#staticIds.delete(member.groupInstanceId);
    this.#hold(-namesBytes(member));
    this.#count(member.protocols, -1);
    if (member.joinReply !== null) this.#awaitingJoin--;
    if (this.#leader === memberId) {
      this.#leader = this.#members.keys().next().value ?? null;
    }
    return member;
  }

  /** Puts `replacement` (the same static member under a new id) in the place of `memberId`, leadership included. */
  replace(memberId: string, replacement: ClassicMember): void {
    const led = this.#leader === memberId;
    this.remove(memberId);
    this.add(replacement);
    if (led) this.#leader = replacement.memberId;
  }

  setLeader(memberId: string): void {
    this.#leader = memberId;
  }

  /** The group is gone, and with it what its members said. */
  forget(): void {
    if (!this.#isForgotten) this.#memory.count(-this.#heldBytes);
    this.#isForgotten = true;
  }

  setProtocols(member: ClassicMember, protocols: readonly JoinGroupProtocol[]): void {
    this.#count(member.protocols, -1);
    member.protocols = protocols;
    this.#count(protocols, 1);
  }

  /** Parks a join request of `member`, or with null takes note that it is answered. Returns what was parked before. */
  setJoinReply(member: ClassicMember, reply: JoinReply | null): JoinReply | null {
    const previous = member.joinReply;
    if (reply !== null && previous === null) this.#awaitingJoin++;
    if (reply === null && previous !== null) this.#awaitingJoin--;
    member.joinReply = reply;
    return previous;
  }

  /** Whether a leader has rejoined; elects one of those who have when the present one has not. */
  electJoinedLeader(): boolean {
    if (this.#leader === null) return false;
    if (this.#members.get(this.#leader)?.joinReply != null) return true;
    for (const member of this.#members.values()) {
      if (member.joinReply === null) continue;
      this.#leader = member.memberId;
      return true;
    }
    return false;
  }

  /** Whether all members support one of `protocols`; without members any will do. */
  supportsAny(protocols: readonly JoinGroupProtocol[]): boolean {
    return protocols.some(({ name }) => (this.#support.get(name) ?? 0) === this.#members.size);
  }

  /** The protocol with the most votes among those that all members support (CG7); the earliest vote breaks a tie. */
  selectProtocol(): string {
    const candidates = new Set<string>();
    for (const [name, count] of this.#support) {
      if (count === this.#members.size) candidates.add(name);
    }
    const votes = new Map<string, number>();
    for (const member of this.#members.values()) {
      const vote = member.vote(candidates);
      if (vote === null) continue;
      votes.set(vote, (votes.get(vote) ?? 0) + 1);
    }
    let best = "";
    let most = 0;
    for (const [name, count] of votes) {
      if (count <= most) continue;
      best = name;
      most = count;
    }
    return best;
  }

  /** The longest rebalance timeout of any member. */
  rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const member of this.#members.values()) {
      if (member.rebalanceTimeoutMs > longest) longest = member.rebalanceTimeoutMs;
    }
    return longest;
  }

  #count(protocols: readonly JoinGroupProtocol[], change: 1 | -1): void {
    this.#hold(change * bytesOf(protocols));
    for (const name of new Set(protocols.map((protocol) => protocol.name))) {
      const count = (this.#support.get(name) ?? 0) + change;
      if (count === 0) this.#support.delete(name);
      else this.#support.set(name, count);
    }
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    if (!this.#isForgotten) this.#memory.count(bytes);
  }
}
