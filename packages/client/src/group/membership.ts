import type { PartitionsByTopic } from "./subscription.ts";

/** Who a member is to the coordinator right now; transactions send it along with offsets (KIP-447). */
export interface GroupMetadata {
  readonly groupId: string;
  /** The generation of a classic group or the member epoch (KIP-848); −1 outside of one. */
  readonly generation: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** What a membership asks of its consumer. All of it happens inside the consumer's `poll`, never beside the application's own code. */
export interface AssignmentEvents {
  /** Given up in good order: offsets may still be committed. The group waits for the promise. */
  onRevoked(partitions: PartitionsByTopic): Promise<void>;
  /** Lost without warning: others may have them already. */
  onLost(partitions: PartitionsByTopic): Promise<void>;
  onAssigned(partitions: PartitionsByTopic): Promise<void>;
}

/** A regular expression in RE2's syntax that the group coordinator matches topics against (KIP-848). */
export interface ServerPattern {
  readonly pattern: string;
}

/** A member of a group, whichever protocol it speaks. */
export interface Membership {
  /**
   * A membership that was lost is shown until there is a new one: brokers accept a transaction's offsets from nobody in particular, so a
   * member that others have taken over from must not pass for that.
   */
  readonly metadata: GroupMetadata;
  /** Joins the group, or tells it about another subscription. @throws {UsageError} for what the protocol does not know */
  subscribe(topics: readonly string[] | ServerPattern): void;
  /** Marks the start and end of the application's polls. */
  beginPoll(): void;
  endPoll(): void;
  /** Does what the group asks of the application now. @throws what ends the membership: fencing, missing permission, bad settings */
  advance(): Promise<void>;
  /** Resolves when the epoch is another than `generation`, as the answer to the next heartbeat may bring. */
  changed(generation: number, signal?: AbortSignal): Promise<void>;
  /** Gives partitions up and leaves. */
  close(): Promise<void>;
}
