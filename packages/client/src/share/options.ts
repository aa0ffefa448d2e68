import type { AcknowledgementResult } from "./acknowledgements.ts";

export interface ShareConsumerOptions {
  /** The share group to be a member of. */
  readonly groupId: string;
  /**
   * `implicit`: what a poll handed out counts as accepted with the next poll or commit. `explicit`: every record has to be acknowledged
   * before the next poll. Default: `implicit`.
   */
  readonly acknowledgement?: "implicit" | "explicit";
  /** About how many records to acquire at a time. Default: 500. */
  readonly maxRecords?: number;
  /** Never acquires more than `maxRecords`, even if that splits batches (needs version 2 of ShareFetch). Default: false. */
  readonly strictMaxRecords?: boolean;
  /** A broker waits for this many bytes... Default: 1. */
  readonly fetchMinBytes?: number;
  /** ...or this long. Default: 500. */
  readonly fetchMaxWaitMs?: number;
  /** Bound of one answer. Default: 50 MiB. */
  readonly fetchMaxBytes?: number;
  /** Default: true. */
  readonly checkCrcs?: boolean;
  /** Where this consumer is, for the group's assignor. */
  readonly rackId?: string;
  /** Called with the outcome of acknowledgements that travelled with a fetch; those of `commit` are its result. */
  readonly onAcknowledged?: (results: readonly AcknowledgementResult[]) => void;
}

export type ResolvedShareOptions = Required<ShareConsumerOptions>;

export function resolveShareOptions(options: ShareConsumerOptions): ResolvedShareOptions {
  return {
    groupId: options.groupId,
    acknowledgement: options.acknowledgement ?? "implicit",
    maxRecords: options.maxRecords ?? 500,
    strictMaxRecords: options.strictMaxRecords ?? false,
    fetchMinBytes: options.fetchMinBytes ?? 1,
    fetchMaxWaitMs: options.fetchMaxWaitMs ?? 500,
    fetchMaxBytes: options.fetchMaxBytes ?? 50 * 1024 * 1024,
    checkCrcs: options.checkCrcs ?? true,
    rackId: options.rackId ?? "",
    onAcknowledged: options.onAcknowledged ?? (() => {}),
  };
}
