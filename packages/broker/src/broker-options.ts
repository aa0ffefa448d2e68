import type { LocalLogOptions } from "@ottla/log";
import type { Clock, FileSystem, Random } from "@ottla/platform";

/** How {@link startBroker} starts. All have defaults; what is said here wins over what `layers` say. */
export interface BrokerOptions {
  /** Port of the first logical broker, the others follow; 0 for ports that the operating system picks. */
  readonly port?: number;
  /** Address to bind; `localhost` binds both loopback addresses. */
  readonly host?: string;
  readonly dataDirectory?: string;
  /** `memory` keeps nothing beyond the life of the broker and needs no directory. */
  readonly storage?: "disk" | "memory";
  /** Logical brokers in this process. */
  readonly brokers?: number;
  /** Configuration in Kafka's keys, strongest layer first. */
  readonly layers?: readonly ReadonlyMap<string, string>[];
  /** Port for Prometheus and health checks; null, the default, for none. */
  readonly metricsPort?: number | null;
  /** Gets lines for people: warnings, failures. */
  readonly report?: (line: string) => void;
  /** Seams, for tests. */
  readonly fileSystem?: FileSystem;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Sizes and limits of the log engine. */
  readonly log?: Partial<LocalLogOptions>;
}

/** A running broker. */
export interface Broker extends AsyncDisposable {
  /** Ports of the first listener of each logical broker. */
  readonly ports: readonly number[];
  readonly port: number;
  /** `bootstrap.servers` for clients. */
  readonly bootstrap: string;
  readonly clusterId: string;
  /** null for one in memory. */
  readonly dataDirectory: string | null;
  readonly metricsPort: number | null;
  readonly startedInMs: number;
  /** Stops accepting, answers what waits, flushes, snapshots. Idempotent. */
  close(): Promise<void>;
}
