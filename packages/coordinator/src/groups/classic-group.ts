/**
 * A classic consumer group: members join, the coordinator picks a protocol and a leader, the leader assigns, everybody syncs (CG1).
 *
 *                      join
 *         Empty ─────────────────▶ PreparingRebalance ◀──────────────────────┐
 *           ▲                        │           ▲                           │ join, leave, a member expires,
 *           │ nobody is left         │ all joined,│ join, leave, expiry,     │ some never synced, a member
 *           └────────────────────────┤ or time is │ store failed,            │ changed its metadata, the
 *                                    │ up         │ some never synced        │ leader rejoins
 *                                    ▼            │                          │
 *                              CompletingRebalance ─────────────────────▶ Stable
 *                                              the leader's assignment is stored
 *
 *         any state ── unload or deletion ──▶ Dead
 *
 * The table with a cell for every state and event is in classic-transitions.ts, the cells in the files it names. `handle` runs one cell to its end and returns what
 * must be stored; requests that wait for others (join, sync) are parked in their member and answered by a later event.
 *
 * Hard state is `stored`, the last generation on the log: only `replay` changes it. All else is soft, and is rebuilt from it when
 * the shard is loaded: a stored generation with members comes back as Stable, everybody with a fresh session (CG15). A generation
 * reaches the log when its leader syncs; one that was lost half-way leaves its members with a generation we do not know, so they get
 * ILLEGAL_GENERATION and join again. Storing is asynchronous: `replay` gives the machine the event `stored`, a failure `storeFailed`.
 * Both name the generation, and a machine that has moved on ignores them.
 *
 * Time: every deadline is monotonic. The group asks to be woken by `wakeAt`, and `tick` handles what is due by then; heartbeats
 * only push deadlines away, which costs nothing.
 *
 * Bounds: members by `group.max.size` (CG4), ids handed out but not used by PENDING_MEMBERS_MAX, requests parked by one join
 * and one sync a member: a second one answers the first with REBALANCE_IN_PROGRESS.
 */
import type { Clock } from "@ottla/platform";
import type {
  ClassicGroupEvent,
  ClassicGroupInputs,
  ClassicGroupOutput,
} from "./classic-events.ts";
import { ClassicMember, NEVER } from "./classic-member.ts";
import { ClassicMembership } from "./classic-membership.ts";
import { TRANSITIONS } from "./classic-transitions.ts";
import { SubscribedTopics } from "./consumer-subscription.ts";
import type { ClassicGroupState, DescribedGroup, JoinGroupProtocol } from "./group-types.ts";
import { type MemberMemory, PendingMembers } from "./member-memory.ts";
import type { GroupMetadata, GroupMetadataMember } from "./records/group-metadata.ts";
import type { CommittedOffset } from "./records/offset-commit.ts";

const CONSUMER_PROTOCOL_TYPE = "consumer";
const EMPTY = Buffer.alloc(0);
const NOTHING_DUE: Outcome<unknown> = { record: null, response: null };

export interface ClassicGroupSettings {
  readonly clock: Clock;
  readonly initialRebalanceDelayMs: number;
  readonly maxSize: number;
  /** One for all groups. */
  readonly memberMemory: MemberMemory;
}

/** What one event led to. */
export interface Outcome<Response> {
  /** To be stored, then replayed; null when nothing changed that outlives the process. */
  readonly record: GroupMetadata | null;
  readonly response: Response;
}

export class ClassicGroup {
  readonly groupId: string;
  readonly settings: ClassicGroupSettings;
  state: ClassicGroupState = "Empty";
  /** Wall-clock time of the last change of state; −1 when an old record does not tell. */
  stateTimestampMs: number;
  generation = 0;
  /** null before the first member. */
  protocolType: string | null = null;
  /** The protocol chosen for this generation; null without members. */
  protocolName: string | null = null;
  readonly members: ClassicMembership;
  /** Ids handed out with MEMBER_ID_REQUIRED (KIP-394), with their deadlines, oldest first. */
  readonly pendingJoin: PendingMembers;
  /** Members of this generation that have not synced. */
  readonly pendingSync = new Set<string>();
  joinDeadline = NEVER;
  syncDeadline = NEVER;
  /** What is left of the time that the first rebalance may be put off (CG2); null in later rebalances. */
  initialDelay: { readonly delayMs: number; readonly remainingMs: number } | null = null;
  /** Somebody joined since the first rebalance was last put off. */
  newMemberAdded = false;
  /** Generation whose assignment is on its way to the log; −1 for none. */
  storingGeneration = -1;
  /** The earliest deadline set since the owner last looked and reset it. */
  wakeAt = NEVER;
  /** Topics that members subscribe to; null when they do not tell (no consumer protocol, or it does not parse). */
  subscribedTopics: SubscribedTopics | null = null;
  #subscriptions = new SubscribedTopics();
  #stored: GroupMetadata | null = null;
  #record: GroupMetadata | null = null;

  constructor(groupId: string, settings: ClassicGroupSettings) {
    this.groupId = groupId;
    this.settings = settings;
    this.pendingJoin = new PendingMembers(settings.memberMemory);
    this.members = new ClassicMembership(settings.memberMemory);
    this.stateTimestampMs = settings.clock.now();
  }

  /** The last generation on the log; null when there is none. */
  get stored(): GroupMetadata | null {
    return this.#stored;
  }

  get usesConsumerProtocol(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  get hasAllMembersJoined(): boolean {
    return this.members.size === this.members.awaitingJoin && this.pendingJoin.size === 0;
  }

  /** Runs the cell of this state and `event` to its end. */
  handle<Event extends ClassicGroupEvent>(
    event: Event,
    input: ClassicGroupInputs[Event],
  ): Outcome<ClassicGroupOutput<Event>> {
    const response = TRANSITIONS[this.state][event](this, input);
    const record = this.#record;
    this.#record = null;
    return { record, response };
  }

  /** Handles everything due by now, earliest first. */
  tick(): GroupMetadata[] {
    const now = this.settings.clock.monotonic();
    const records: GroupMetadata[] = [];
    // All that is due is found in one go, for one at a time would look at every member for each of them.
    for (let due = this.#due(now); due.length > 0; due = this.#due(now)) {
      for (const handle of due) {
        const { record } = handle();
        if (record !== null) records.push(record);
      }
    }
    return records;
  }

  /** The earliest of all deadlines; looks at every member. */
  nextDeadline(): number {
    let next = Math.min(this.joinDeadline, this.syncDeadline);
    for (const deadline of this.pendingJoin.values()) if (deadline < next) next = deadline;
    for (const member of this.members) {
      if (member.sessionDeadline < next) next = member.sessionDeadline;
    }
    return next;
  }

  /** The only way that hard state changes: a generation is on the log, or its deletion is (null). */
  replay(metadata: GroupMetadata | null): void {
    this.#stored = metadata;
    if (metadata !== null) this.handle("stored", { metadata });
  }

  /** Rebuilds the soft state from what is stored, after a shard was read. */
  restore(): void {
    const metadata = this.#stored;
    if (metadata === null) return;
    this.state = metadata.members.length === 0 ? "Empty" : "Stable";
    this.stateTimestampMs = metadata.currentStateTimestampMs;
    this.generation = metadata.generation;
    this.protocolType = metadata.protocolType === "" ? null : metadata.protocolType;
    this.protocolName = metadata.protocol;
    for (const stored of metadata.members) {
      const protocols = [{ name: metadata.protocol ?? "", metadata: stored.subscription }];
      const member = new ClassicMember({ ...stored, protocols });
      this.members.add(member);
      this.touch(member);
    }
    if (metadata.leader !== null && this.members.has(metadata.leader)) {
      this.members.setLeader(metadata.leader);
    }
    this.subscribedTopics = this.#computeSubscribedTopics();
  }

  /** Enters a state. The transitions' own: callers use `handle`. */
  enter(state: ClassicGroupState): void {
    this.state = state;
    this.stateTimestampMs = this.settings.clock.now();
  }

  /** Enters the next generation, with the protocol that its members agree on. The transitions' own. */
  enterNextGeneration(): void {
    this.generation = (this.generation + 1) & 0x7fff_ffff;
    this.pendingSync.clear();
    const hasMembers = this.members.size > 0;
    this.protocolName = hasMembers ? this.members.selectProtocol() : null;
    this.subscribedTopics = this.#computeSubscribedTopics();
    this.enter(hasMembers ? "CompletingRebalance" : "Empty");
  }

  /** Starts the session of a member anew. */
  touch(member: ClassicMember, timeoutMs: number = member.sessionTimeoutMs): void {
    member.sessionDeadline = this.deadlineIn(timeoutMs);
  }

  /** A deadline that the group will be woken for. */
  deadlineIn(delayMs: number): number {
    const deadline = this.settings.clock.monotonic() + delayMs;
    if (deadline < this.wakeAt) this.wakeAt = deadline;
    return deadline;
  }

  /** Asks for the present generation to be stored, with the assignments given. The transitions' own. */
  store(assignmentOf: (member: ClassicMember) => Buffer): void {
    const protocol = this.protocolName;
    const members: GroupMetadataMember[] = [];
    for (const member of this.members) {
      members.push({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        subscription: (protocol === null ? null : member.metadata(protocol)) ?? EMPTY,
        assignment: assignmentOf(member),
      });
    }
    this.#record = {
      protocolType: this.protocolType ?? "",
      generation: this.generation,
      protocol,
      leader: this.members.leader,
      currentStateTimestampMs: this.stateTimestampMs,
      members,
    };
  }

  /** Whether OffsetDelete and expiry must leave the topic alone: members read it, or may (CG13). */
  isSubscribedTo(topic: string): boolean {
    return this.subscribedTopics?.has(topic) ?? this.usesConsumerProtocol;
  }

  /**
   * The time from which the retention of an offset counts (KIP-211); null when offsets of this group do not expire now.
   * Empty: since it became so. Stable consumers, topics nobody reads (the caller looks at that), and consumers in no group: since the commit.
   */
  retentionStart(offset: CommittedOffset): number | null {
    if (this.protocolType === null) return offset.commitTimestampMs;
    if (this.state === "Empty") {
      return this.stateTimestampMs === -1 ? offset.commitTimestampMs : this.stateTimestampMs;
    }
    if (this.state === "Stable" && this.usesConsumerProtocol && this.subscribedTopics !== null) {
      return offset.commitTimestampMs;
    }
    return null;
  }

  describe(): DescribedGroup {
    const protocol = this.state === "Stable" ? this.protocolName : null;
    return {
      groupId: this.groupId,
      error: "NONE",
      errorMessage: null,
      groupState: this.state,
      protocolType: this.protocolType ?? "",
      protocolData: protocol ?? "",
      members: Array.from(this.members, (member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        memberMetadata: (protocol === null ? null : member.metadata(protocol)) ?? EMPTY,
        memberAssignment: member.assignment,
      })),
    };
  }

  /** Gives the present members as the leader's join answer carries them. */
  joinedMembers(): { memberId: string; groupInstanceId: string | null; metadata: Buffer }[] {
    const protocol = this.protocolName ?? "";
    return Array.from(this.members, (member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: member.metadata(protocol) ?? EMPTY,
    }));
  }

  /** Whether a newcomer's type and protocols fit the present members (CG4). */
  supports(protocolType: string, protocols: readonly JoinGroupProtocol[]): boolean {
    if (this.state === "Empty") return protocolType !== "" && protocols.length > 0;
    return this.protocolType === protocolType && this.members.supportsAny(protocols);
  }

  /** What is due by `now`, earliest first; each does nothing if an earlier one has put it off. */
  #due(now: number): (() => Outcome<unknown>)[] {
    const due: { readonly deadline: number; readonly handle: () => Outcome<unknown> }[] = [];
    for (const member of this.members) {
      const deadline = member.sessionDeadline;
      if (deadline > now) continue;
      const handle = () =>
        this.members.get(member.memberId) === member && member.sessionDeadline <= now
          ? this.handle("memberExpired", { member })
          : NOTHING_DUE;
      due.push({ deadline, handle });
    }
    for (const [memberId, deadline] of this.pendingJoin) {
      if (deadline > now) continue;
      const handle = () =>
        this.pendingJoin.has(memberId) ? this.handle("pendingExpired", { memberId }) : NOTHING_DUE;
      due.push({ deadline, handle });
    }
    if (this.joinDeadline <= now) {
      const handle = () => (this.joinDeadline <= now ? this.handle("joinDue", {}) : NOTHING_DUE);
      due.push({ deadline: this.joinDeadline, handle });
    }
    if (this.syncDeadline <= now) {
      const handle = () => (this.syncDeadline <= now ? this.handle("syncDue", {}) : NOTHING_DUE);
      due.push({ deadline: this.syncDeadline, handle });
    }
    due.sort((a, b) => a.deadline - b.deadline);
    return due.map(({ handle }) => handle);
  }

  #computeSubscribedTopics(): SubscribedTopics | null {
    const protocol = this.protocolName;
    if (!this.usesConsumerProtocol || (this.members.size > 0 && protocol === null)) {
      this.#subscriptions = new SubscribedTopics();
      return null;
    }
    const said = new Map<string, Buffer | null>();
    for (const member of this.members) said.set(member.memberId, member.metadata(protocol!));
    this.#subscriptions.update(said);
    return this.#subscriptions.isKnown ? this.#subscriptions : null;
  }
}
