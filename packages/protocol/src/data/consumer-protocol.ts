/**
 * What members of a classic consumer group tell each other through JoinGroup and SyncGroup: version (int16), then one of these. A
 * reader treats a version it does not know as the newest it knows.
 */
import { array, int32, nullableBytes, nullableString, string } from "../schema/fields.ts";
import { type DataInput, type DataOf, data } from "../schema/schema.ts";

/**
 * What a member wants. v1 the partitions it owns (KIP-429), v2 their generation (KIP-792), v3 its
 * rack (KIP-881).
 */
export const consumerProtocolSubscription = data({
  name: "ConsumerProtocolSubscription",
  versions: "0-3",
  flexible: "none",
  fields: {
    topics: array(string()),
    userData: nullableBytes({ default: null }),
    ownedPartitions: array(
      {
        topic: string(),
        partitions: array(int32()),
      },
      { versions: "1+", ignorable: true },
    ),
    generationId: int32({ versions: "2+", default: -1, ignorable: true }),
    rackId: nullableString({ versions: "3+", default: null, ignorable: true }),
  },
});

export type ConsumerProtocolSubscription = DataOf<typeof consumerProtocolSubscription>;
export type ConsumerProtocolSubscriptionInput = DataInput<typeof consumerProtocolSubscription>;

/** What a member gets. */
export const consumerProtocolAssignment = data({
  name: "ConsumerProtocolAssignment",
  versions: "0-3",
  flexible: "none",
  fields: {
    assignedPartitions: array({
      topic: string(),
      partitions: array(int32()),
    }),
    userData: nullableBytes({ default: null }),
  },
});

export type ConsumerProtocolAssignment = DataOf<typeof consumerProtocolAssignment>;
export type ConsumerProtocolAssignmentInput = DataInput<typeof consumerProtocolAssignment>;
