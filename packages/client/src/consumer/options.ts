import type { IsolationLevel } from "../admin/offsets.ts";
import { UsageError } from "../errors.ts";
import type { Assignor } from "../group/assignors/assignor.ts";

export interface ConsumerOptions {
  /** The group whose committed offsets are used, and to be a member of after `subscribe`. */
  readonly groupId?: string;
  /**
   * `classic`: members agree among themselves, by the assignors they name. `consumer` (KIP-848): the group's coordinator assigns, partition
   * by partition, and its settings say how often heartbeats go. Default: `classic`.
   */
  readonly groupProtocol?: "classic" | "consumer";
  /** With the `consumer` protocol: the coordinator's assignor, such as `uniform` or `range`. Default: its first. */
  readonly serverAssignor?: string;
  /** A name of its own that survives restarts: a static member (KIP-345). */
  readonly groupInstanceId?: string;
  /** After how long without a heartbeat a classic group gives this member up. Default: 45,000. */
  readonly sessionTimeoutMs?: number;
  /** In classic groups. Default: 3,000. */
  readonly heartbeatIntervalMs?: number;
  /** How long a rebalance waits for this member, and how long it may go without a poll. Default: 300,000. */
  readonly maxPollIntervalMs?: number;
  /** How partitions are shared out in a classic group, most wanted first. Default: range, then cooperative-sticky, which makes it eager until all know the latter. */
  readonly assignors?: readonly Assignor[];
  /** Where to start without a committed offset or when it is out of range. Default: `latest`. */
  readonly autoOffsetReset?: "earliest" | "latest" | "none";
  /** Commits positions in this interval, and before partitions are given up; 0 leaves it to the application. Default: 0. */
  readonly autoCommitIntervalMs?: number;
  /** `read_committed` leaves out records of open and aborted transactions. Default: `read_uncommitted`. */
  readonly isolationLevel?: IsolationLevel;
  /** A broker waits for this many bytes... Default: 1. */
  readonly fetchMinBytes?: number;
  /** ...or this long. Default: 500. */
  readonly fetchMaxWaitMs?: number;
  /**
   * Bound of one answer. Default: 4 MiB: what stays in the processor's cache costs half as much to check and read. More pays where round trips
   * are long.
   */
  readonly fetchMaxBytes?: number;
  /** Bound of one partition within an answer. Default: 1 MiB. */
  readonly partitionMaxBytes?: number;
  /** Fetched bytes held before they are asked for; no fetch is sent beyond it. Default: 64 MiB. */
  readonly prefetchBytes?: number;
  /** Default: true. */
  readonly checkCrcs?: boolean;
  /** Where this consumer is, to read from replicas there (KIP-392). */
  readonly rackId?: string;
}

export interface ResolvedConsumerOptions {
  readonly groupId: string | null;
  readonly groupProtocol: "classic" | "consumer";
  readonly serverAssignor: string | null;
  readonly groupInstanceId: string | null;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly maxPollIntervalMs: number;
  readonly assignors: readonly Assignor[];
  readonly autoOffsetReset: "earliest" | "latest" | "none";
  readonly autoCommitIntervalMs: number;
  readonly isolationLevel: IsolationLevel;
  readonly fetchMinBytes: number;
  readonly fetchMaxWaitMs: number;
  readonly fetchMaxBytes: number;
  readonly partitionMaxBytes: number;
  readonly prefetchBytes: number;
  readonly checkCrcs: boolean;
  readonly rackId: string;
}

/** Settings of classic groups that the coordinator decides in the other protocol. */
const CLASSIC_ONLY = ["assignors", "sessionTimeoutMs", "heartbeatIntervalMs"] as const;

/** @throws {UsageError} for settings that the group protocol does not know */
export function resolveConsumerOptions(
  options: ConsumerOptions,
  defaultAssignors: readonly Assignor[],
): ResolvedConsumerOptions {
  const groupProtocol = options.groupProtocol ?? "classic";
  const foreign = groupProtocol === "classic" ? (["serverAssignor"] as const) : CLASSIC_ONLY;
  const wrong = foreign.find((key) => options[key] !== undefined);
  if (wrong !== undefined) {
    throw new UsageError(`${wrong} is not a setting of groupProtocol: ${groupProtocol}`);
  }
  return {
    groupId: options.groupId ?? null,
    groupProtocol,
    serverAssignor: options.serverAssignor ?? null,
    groupInstanceId: options.groupInstanceId ?? null,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 45_000,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 3_000,
    maxPollIntervalMs: options.maxPollIntervalMs ?? 300_000,
    assignors: options.assignors ?? defaultAssignors,
    autoOffsetReset: options.autoOffsetReset ?? "latest",
    autoCommitIntervalMs: options.autoCommitIntervalMs ?? 0,
    isolationLevel: options.isolationLevel ?? "read_uncommitted",
    fetchMinBytes: options.fetchMinBytes ?? 1,
    fetchMaxWaitMs: options.fetchMaxWaitMs ?? 500,
    fetchMaxBytes: options.fetchMaxBytes ?? 4 * 1024 * 1024,
    partitionMaxBytes: options.partitionMaxBytes ?? 1024 * 1024,
    prefetchBytes: options.prefetchBytes ?? 64 * 1024 * 1024,
    checkCrcs: options.checkCrcs ?? true,
    rackId: options.rackId ?? "",
  };
}
