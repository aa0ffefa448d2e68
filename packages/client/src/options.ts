import type { ConnectionOptions as TlsOptions } from "node:tls";
import { type Clock, type Random, SystemClock, SystemRandom } from "@ottla/platform";
import {
  InvalidCredentialsError,
  type SaslMechanism,
  type SaslOptions,
  saslMechanism,
} from "@ottla/security";
import { BytePool } from "./byte-pool.ts";
import { UsageError } from "./errors.ts";
import type { Dial } from "./transport/connection.ts";

/** How to reach a cluster and how patient to be. Only `bootstrapServers` is required. */
export interface ClientOptions {
  /** `host:port` of some brokers, as a list or separated by commas; the others are found through them. */
  readonly bootstrapServers: string | readonly string[];
  /** Shown in the brokers' logs and quotas. Default: `ottla`. */
  readonly clientId?: string;
  /** TLS for all connections: true, or what `node:tls` takes. */
  readonly tls?: boolean | TlsOptions;
  /** How to authenticate every connection: credentials for a known mechanism, or a mechanism of one's own. */
  readonly sasl?: SaslOptions | SaslMechanism;
  /** For a connection to be usable. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /** For one request to be answered. Default: 30,000. */
  readonly requestTimeoutMs?: number;
  /** For one call of this API, retries included, where it has no setting of its own. Default: 60,000. */
  readonly callTimeoutMs?: number;
  /** Before the first retry; doubles from there (KIP-580). Default: 100. */
  readonly retryBackoffMs?: number;
  /** Bound of the retry delay. Default: 1,000. */
  readonly retryBackoffMaxMs?: number;
  /** Age at which what is known of a topic is asked for again. Default: 300,000. */
  readonly metadataMaxAgeMs?: number;
  /** A larger response closes the connection. Default: 256 MiB. */
  readonly maxResponseBytes?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Opens the byte streams instead of `node:net` and `node:tls`. */
  readonly dial?: Dial;
}

/** The same with every default filled in. */
export interface ResolvedOptions {
  readonly bootstrap: readonly Address[];
  readonly clientId: string;
  readonly tls: TlsOptions | null;
  readonly sasl: SaslMechanism | null;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  readonly metadataMaxAgeMs: number;
  readonly maxResponseBytes: number;
  /** For what is received, and what of it is decompressed. */
  readonly memory: BytePool;
  readonly clock: Clock;
  readonly random: Random;
  readonly dial: Dial | null;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** @throws {UsageError} when there is no address or one does not parse, and for credentials that no server takes. */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  const servers = options.bootstrapServers;
  const list = typeof servers === "string" ? servers.split(",") : servers;
  const bootstrap = list.map((server) => server.trim()).filter((server) => server !== "");
  if (bootstrap.length === 0) throw new UsageError("bootstrapServers names no server");
  const clock = options.clock ?? new SystemClock();
  const random = options.random ?? new SystemRandom();
  return {
    bootstrap: bootstrap.map(parseAddress),
    clientId: options.clientId ?? "ottla",
    tls: options.tls === true ? {} : options.tls || null,
    sasl: options.sasl === undefined ? null : resolveSasl(options.sasl, random),
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    callTimeoutMs: options.callTimeoutMs ?? 60_000,
    retryBackoffMs: options.retryBackoffMs ?? 100,
    retryBackoffMaxMs: options.retryBackoffMaxMs ?? 1_000,
    metadataMaxAgeMs: options.metadataMaxAgeMs ?? 300_000,
    maxResponseBytes: options.maxResponseBytes ?? 256 * 1024 * 1024,
    memory: new BytePool(clock),
    clock,
    random,
    dial: options.dial ?? null,
  };
}

function resolveSasl(sasl: SaslOptions | SaslMechanism, random: Random): SaslMechanism {
  if (!("mechanism" in sasl)) return sasl;
  try {
    return saslMechanism(sasl, random);
  } catch (error) {
    throw error instanceof InvalidCredentialsError
      ? new UsageError(`sasl: ${error.message}`)
      : error;
  }
}

const DEFAULT_PORT = 9092;

/** `host`, `host:port`, `[v6]:port`, with or without a listener name such as `PLAINTEXT://` in front. */
export function parseAddress(text: string): Address {
  const match = /^(?:[A-Za-z_]+:\/\/)?(?:\[([^\]]+)\]|([^:/\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (host === undefined || port === 0 || port > 65_535) {
    throw new UsageError(`"${text}" is not an address of the form host:port`);
  }
  return { host, port };
}
