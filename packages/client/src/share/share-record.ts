import type { RecordCursor } from "@ottla/protocol";
import { ConsumerRecord } from "../consumer/records.ts";

/** A record that this member of a share group has acquired. */
export class ShareRecord extends ConsumerRecord {
  /** How often it has been handed to a member, this time included. */
  readonly deliveryCount: number;

  constructor(topic: string, partition: number, cursor: RecordCursor, deliveryCount: number) {
    super(topic, partition, cursor);
    this.deliveryCount = deliveryCount;
  }
}
