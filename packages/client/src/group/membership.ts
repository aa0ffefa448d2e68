import type { PartitionsByTopic } from "./subscription.ts";

/** Who a member is to the coordinator right now; transactions send it along with offsets (KIP-447). */
export interface GroupMetadata {
  readonly groupId: string;
  /** −1 outside of a generation. */
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
