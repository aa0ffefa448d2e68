/** Counts what the transaction coordinator tells of itself, under the names of `kafka_server_transaction_coordinator_metrics_*`. */
import type { TransactionCoordinator, TransactionCoordinatorProbe } from "@ottla/coordinator";
import type { PrometheusText } from "./prometheus-text.ts";

export class TransactionMetrics {
  readonly probe: TransactionCoordinatorProbe;
  #commits = 0;
  #aborts = 0;
  #timeouts = 0;
  #fenced = 0;
  #expired = 0;
  #loads = 0;
  #loadMs = 0;
  #slowestLoadMs = 0;

  constructor(report: (line: string) => void) {
    this.probe = {
      transactionCompleted: ({ commit }) => {
        if (commit) this.#commits++;
        else this.#aborts++;
      },
      transactionTimedOut: () => void this.#timeouts++,
      transactionFenced: () => void this.#fenced++,
      transactionalIdsExpired: (count) => {
        this.#expired += count;
      },
      shardLoaded: ({ durationMs }) => {
        this.#loads++;
        this.#loadMs += durationMs;
        this.#slowestLoadMs = Math.max(this.#slowestLoadMs, durationMs);
      },
      warning: (message, cause) => {
        report(`transactions: ${message}${cause === null ? "" : `: ${String(cause)}`}`);
      },
    };
  }

  render(text: PrometheusText, transactions: TransactionCoordinator): void {
    const prefix = "kafka_server_transaction_coordinator_metrics";
    const gauges = transactions.gauges();
    text.gauge(`${prefix}_transactional_id_count`, gauges.transactionalIds);
    text.gauge(`${prefix}_transactions_ongoing`, gauges.transactionsOngoing);
    text.gauge(`${prefix}_transactions_prepared`, gauges.transactionsPrepared);
    text.counter(`${prefix}_transaction_timeout_count`, this.#timeouts);
    text.counter(`${prefix}_transaction_fenced_count`, this.#fenced);
    text.counter(`${prefix}_transaction_commit_count`, this.#commits);
    text.counter(`${prefix}_transaction_abort_count`, this.#aborts);
    text.counter(`${prefix}_transactional_id_expired_count`, this.#expired);
    text.gauge(`${prefix}_partition_load_time_max`, this.#slowestLoadMs);
    const average = this.#loads === 0 ? 0 : this.#loadMs / this.#loads;
    text.gauge(`${prefix}_partition_load_time_avg`, average);
    // Markers that wait for a partition or for a broker; here for the log alone.
    const channel = "kafka_coordinator_transaction_transactionmarkerchannelmanager";
    text.gauge(`${channel}_logappendretryqueuesize`, gauges.transactionsRetrying);
    text.gauge(`${channel}_unknowndestinationqueuesize`, 0);
  }
}
