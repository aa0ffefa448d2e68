/**
 * What is written when metadata changes. A record's value is
 *
 *   kind int16 | version int16 | body, JSON in UTF-8
 *
 * Its key is null. All records of one change stand in one batch, so that it is there as a whole or not at all. Kinds are numbered in
 * {@link KIND_NUMBERS}; a number is never given to another kind. A version grows when a body changes in a way that an older reader would
 * misunderstand; a reader refuses versions it does not know.
 *
 * Who calls it: the embedded store, on append, on replay, and for its snapshot, which is a list of the same records.
 */
import { MetadataLogFailed } from "./errors.ts";
import type { ConfigResourceType } from "./store.ts";

export type MetadataRecord =
  | { readonly kind: "clusterCreated"; readonly clusterId: string }
  | {
      readonly kind: "topicCreated";
      readonly topicId: string;
      readonly name: string;
      readonly isInternal: boolean;
      readonly replicas: readonly (readonly number[])[];
    }
  | { readonly kind: "topicDeleted"; readonly topicId: string }
  | {
      readonly kind: "topicGrown";
      readonly topicId: string;
      /** Of all partitions, old and new. */
      readonly replicas: readonly (readonly number[])[];
    }
  | {
      readonly kind: "configsChanged";
      readonly type: ConfigResourceType;
      readonly name: string;
      /** Null removes a config. */
      readonly changes: readonly (readonly [string, string | null])[];
    }
  | { readonly kind: "producerIdsAllocated"; readonly nextProducerId: number }
  | {
      readonly kind: "featuresFinalized";
      readonly epoch: number;
      /** Those that change; 0 switches a feature off. */
      readonly levels: readonly (readonly [string, number])[];
    }
  | {
      readonly kind: "replicasAssigned";
      readonly topicId: string;
      readonly replicas: readonly (readonly number[])[];
    };

/** Never change a number, never use one again. */
const KIND_NUMBERS = {
  clusterCreated: 1,
  topicCreated: 2,
  topicDeleted: 3,
  topicGrown: 4,
  configsChanged: 5,
  producerIdsAllocated: 6,
  featuresFinalized: 7,
  replicasAssigned: 8,
} as const satisfies Record<MetadataRecord["kind"], number>;

/** The newest version of each kind, which is the one that is written. */
const VERSIONS: Readonly<Record<MetadataRecord["kind"], number>> = {
  clusterCreated: 0,
  topicCreated: 0,
  topicDeleted: 0,
  topicGrown: 0,
  configsChanged: 0,
  producerIdsAllocated: 0,
  featuresFinalized: 0,
  replicasAssigned: 0,
};

const KINDS: ReadonlyMap<number, MetadataRecord["kind"]> = new Map(
  Object.entries(KIND_NUMBERS).map(([kind, number]) => [number, kind as MetadataRecord["kind"]]),
);

const PREFIX_BYTES = 4;

export function encodeMetadataRecord(record: MetadataRecord): Buffer {
  const { kind, ...body } = record;
  const text = JSON.stringify(body);
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + Buffer.byteLength(text));
  bytes.writeInt16BE(KIND_NUMBERS[kind], 0);
  bytes.writeInt16BE(VERSIONS[kind], 2);
  bytes.write(text, PREFIX_BYTES);
  return bytes;
}

/** @throws {MetadataLogFailed} for a kind or version of a newer release, or bytes that are no record. */
export function decodeMetadataRecord(bytes: Buffer): MetadataRecord {
  if (bytes.length < PREFIX_BYTES) {
    throw new MetadataLogFailed(`A metadata record of ${bytes.length} bytes is too short.`);
  }
  const number = bytes.readInt16BE(0);
  const version = bytes.readInt16BE(2);
  const kind = KINDS.get(number);
  if (kind === undefined || version > VERSIONS[kind]) {
    throw new MetadataLogFailed(
      `Metadata record of kind ${number}, version ${version}, is unknown; was it written by a newer release?`,
    );
  }
  try {
    const body = JSON.parse(bytes.toString("utf8", PREFIX_BYTES)) as object;
    return { kind, ...body } as MetadataRecord;
  } catch (cause) {
    throw new MetadataLogFailed(`A metadata record of kind ${kind} is not readable.`, { cause });
  }
}
