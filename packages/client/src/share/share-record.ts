import type { RecordCursor } from "@ottla/protocol";
import type { RecordSource } from "../consumer/fetched-bytes.ts";
import { ConsumerRecord } from "../consumer/records.ts";

/** A record that this member of a share group has acquired. */
export class ShareRecord extends ConsumerRecord {
  /** How often it has been handed to a member, this time included. */
  readonly deliveryCount: number;

  constructor(
    topic: string,
    partition: number,
    cursor: RecordCursor,
    source: RecordSource,
    deliveryCount: number,
  ) {
    super(topic, partition, cursor, source);
    this.deliveryCount = deliveryCount;
  }
}
