import type { HeaderInput } from "@ottla/protocol";

/** A record to send. Text is sent as UTF-8; bytes are copied before the call returns. */
export interface ProducerRecord {
  readonly topic: string;
  /** Chosen by the key, or for records without one batch by batch, when left out. */
  readonly partition?: number;
  readonly key?: Uint8Array | string | null;
  /** Null is a tombstone on compacted topics. */
  readonly value?: Uint8Array | string | null;
  readonly headers?: readonly HeaderInput[];
  /** Milliseconds since the epoch; now when left out. */
  readonly timestampMs?: number;
}

/** A record with bytes of its own, for one that has to wait: the caller may do with his what he likes. */
export function ownCopy(record: ProducerRecord): ProducerRecord {
  const { key, value, headers } = record;
  return {
    ...record,
    ...(key instanceof Uint8Array ? { key: Buffer.from(key) } : {}),
    ...(value instanceof Uint8Array ? { value: Buffer.from(value) } : {}),
    ...(headers === undefined ? {} : { headers: headers.map(ownHeader) }),
  };
}

function ownHeader({ key, value }: HeaderInput): HeaderInput {
  return { key, value: value instanceof Uint8Array ? Buffer.from(value) : value };
}

/** Where a record ended up. */
export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  /** −1 when the broker did not say: acks `none`, or a retry whose first attempt had succeeded long before. */
  readonly offset: number;
  /** The record's, or the broker's where the topic has LogAppendTime. */
  readonly timestampMs: number;
}
