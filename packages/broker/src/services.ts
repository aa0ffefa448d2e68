/** What handlers work with: one of each per process, shared by its logical brokers. */
import type { GroupCoordinator, TransactionCoordinator } from "@ottla/coordinator";
import type { LogEngine } from "@ottla/log";
import type { BrokerConfig, MetadataStore } from "@ottla/metadata";
import type { Clock, Random } from "@ottla/platform";
import type { Cluster } from "./cluster.ts";
import type { EngineTransactionMarkers } from "./engine-transaction-markers.ts";
import type { FetchSessionCache } from "./fetch-sessions.ts";
import type { Handler } from "./handler.ts";
import type { LargeAnswers } from "./large-answers.ts";
import type { ServerProbe } from "./metrics/probe.ts";
import type { ProducerIds } from "./producer-ids.ts";
import type { TopicService } from "./topic-service.ts";
import type { Turnstile } from "./turnstile.ts";

export interface Services {
  readonly clock: Clock;
  readonly random: Random;
  readonly engine: LogEngine;
  readonly store: MetadataStore;
  readonly topics: TopicService;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly markers: EngineTransactionMarkers;
  readonly producerIds: ProducerIds;
  readonly fetchSessions: FetchSessionCache;
  readonly turnstile: Turnstile;
  readonly largeAnswers: LargeAnswers;
  readonly cluster: Cluster;
  readonly probe: ServerProbe;
  /** Every API served, for those that tell of them. */
  readonly handlers: readonly Handler[];
  /** Absolute folder of the logs, as DescribeLogDirs names it. */
  readonly logDirectory: string;
  /** The configuration of a broker with its dynamic changes as of now. */
  config(brokerId: number): BrokerConfig;
  /** Tells who acts on them that dynamic configs of brokers were altered. */
  brokerConfigsChanged(): void;
}
