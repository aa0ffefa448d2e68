import type { CompressionType } from "@ottla/protocol";
import { UsageError } from "../errors.ts";

export interface ProducerOptions {
  /** Who must have a record before it counts as delivered: all in-sync replicas, the leader, nobody. Default: `all`. */
  readonly acks?: "all" | "leader" | "none";
  /** Whether retries are recognized by the broker, so that nothing is written twice or out of order. Default: true with acks `all`. */
  readonly isIdempotent?: boolean;
  /** Default: `none`. */
  readonly compression?: CompressionType;
  /** The codec's own scale. */
  readonly compressionLevel?: number;
  /** Size at which a batch is sent without waiting longer, before compression. Default: 64 KiB. */
  readonly batchBytes?: number;
  /** How long a batch that is not full waits for more. Default: 5. */
  readonly lingerMs?: number;
  /** Bound of a request, and so of a record. Default: 1 MiB. */
  readonly maxRequestBytes?: number;
  /** Bytes of undelivered records held here; further sends wait. Default: 32 MiB. */
  readonly bufferBytes?: number;
  /** How long a send waits for room or for its topic to be known. Default: 60,000. */
  readonly maxBlockMs?: number;
  /** From the send to success or {@link DeliveryTimeoutError}, retries included. Default: 120,000. */
  readonly deliveryTimeoutMs?: number;
  /** Whether brokers that are set up so may create topics that are sent to. Default: true. */
  readonly createTopics?: boolean;
}

export interface ResolvedProducerOptions {
  readonly acks: "all" | "leader" | "none";
  readonly isIdempotent: boolean;
  readonly compression: CompressionType;
  readonly compressionLevel: number | null;
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly maxRequestBytes: number;
  readonly bufferBytes: number;
  readonly maxBlockMs: number;
  readonly deliveryTimeoutMs: number;
  readonly createTopics: boolean;
}

/** @throws {UsageError} for settings that contradict each other */
export function resolveProducerOptions(options: ProducerOptions): ResolvedProducerOptions {
  const acks = options.acks ?? "all";
  const isIdempotent = options.isIdempotent ?? acks === "all";
  if (isIdempotent && acks !== "all") throw new UsageError("an idempotent producer needs acks all");
  return {
    acks,
    isIdempotent,
    compression: options.compression ?? "none",
    compressionLevel: options.compressionLevel ?? null,
    batchBytes: options.batchBytes ?? 64 * 1024,
    lingerMs: options.lingerMs ?? 5,
    maxRequestBytes: options.maxRequestBytes ?? 1024 * 1024,
    bufferBytes: options.bufferBytes ?? 32 * 1024 * 1024,
    maxBlockMs: options.maxBlockMs ?? 60_000,
    deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
    createTopics: options.createTopics ?? true,
  };
}
