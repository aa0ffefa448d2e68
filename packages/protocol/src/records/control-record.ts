/**
 * Control records end transactions. They stand alone in a batch with the control and transactional bits; the key holds a version
 * (int16) and the type (int16), the value of an end marker a version (int16) and the coordinator's epoch (int32). Applications never see them.
 */
import { ProtocolError } from "../protocol-error.ts";
import { BatchBuilder } from "./batch-builder.ts";
import { isControl } from "./batch-header.ts";
import { RecordCursor } from "./record-cursor.ts";

/** The types of control records that exist. */
export type ControlType =
  | "abort"
  | "commit"
  | "leaderChange"
  | "snapshotHeader"
  | "snapshotFooter"
  | "kraftVersion"
  | "kraftVoters"
  | "unknown";

const TYPES: readonly ControlType[] = [
  "abort",
  "commit",
  "leaderChange",
  "snapshotHeader",
  "snapshotFooter",
  "kraftVersion",
  "kraftVoters",
];

export interface EndMarker {
  readonly type: "abort" | "commit";
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly timestampMs: number;
}

/** A batch that ends a transaction of the producer. */
export function buildEndMarker(marker: EndMarker): Buffer {
  const key = Buffer.alloc(4);
  key.writeInt16BE(marker.type === "commit" ? 1 : 0, 2);
  const value = Buffer.alloc(6);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  const builder = new BatchBuilder({
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    isTransactional: true,
    isControl: true,
    initialBytes: 128,
  });
  builder.append(marker.timestampMs, key, value);
  return builder.build();
}

export interface ControlRecord {
  readonly type: ControlType;
  /** The epoch of the coordinator that ended the transaction; −1 for other types. */
  readonly coordinatorEpoch: number;
}

/** Reads the control record of the batch at `at`; null when it is no control batch or, after compaction, empty. @throws ProtocolError `corrupt` */
export function readControlRecord(batch: Buffer, at = 0): ControlRecord | null {
  if (!isControl(batch, at)) {
    return null;
  }
  const cursor = new RecordCursor();
  cursor.start(batch, at);
  if (!cursor.next()) {
    return null;
  }
  const type = controlTypeOf(cursor.key());
  const value = cursor.value();
  const isEnd = type === "abort" || type === "commit";
  if (!isEnd) {
    return { type, coordinatorEpoch: -1 };
  }
  if (value === null || value.length < 6) {
    throw new ProtocolError("corrupt", "an end marker has no coordinator epoch");
  }
  return { type, coordinatorEpoch: value.readInt32BE(2) };
}

/** The type in a control record's key. @throws ProtocolError `corrupt` when the key is too short */
export function controlTypeOf(key: Buffer | null): ControlType {
  if (key === null || key.length < 4) {
    throw new ProtocolError("corrupt", "a control record has no type");
  }
  return TYPES[key.readInt16BE(2)] ?? "unknown";
}
