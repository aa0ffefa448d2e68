/**
 * Metrics under the names that jmx_exporter, Strimzi and the Grafana mixin give Kafka's MBeans. Where a name speaks of replication it is
 * there and says what one copy means: alerts want to see 0, not nothing.
 */
import { METADATA_TOPIC_ID } from "@ottla/metadata";
import type { Services } from "../services.ts";
import { nextTurn } from "../turns.ts";
import type { ApiCounts, BrokerMetrics, TopicCounts } from "./broker-metrics.ts";
import type { Histogram } from "./histogram.ts";
import type { Labels, PrometheusText } from "./prometheus-text.ts";

const QUANTILES = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999] as const;
const RUNNING = 3;

export async function kafkaServerMetrics(
  text: PrometheusText,
  metrics: BrokerMetrics,
  services: Services,
): Promise<void> {
  await topicTraffic(text, metrics);
  requests(text, metrics);
  await partitions(text, services);
  const offline = metrics.isStorageFailing ? 1 : 0;
  text.gauge("kafka_log_logmanager_offlinelogdirectorycount", offline);
  coordinator(text, metrics, services);
  connections(text, metrics, services);
  quorum(text, services);
  // One thread reads, serves and writes.
  const idle = metrics.idleShare();
  text.gauge("kafka_network_socketserver_networkprocessoravgidle_percent", idle);
  text.gauge("kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent", idle);
}

/** Each family twice: per topic, and over all topics without the label, as dashboards filter on `topic!=""`. */
async function topicTraffic(text: PrometheusText, metrics: BrokerMetrics): Promise<void> {
  for (const [topic, counts] of metrics.topics) {
    if (text.isTurnOver()) await nextTurn();
    traffic(text, counts, { topic });
  }
  traffic(text, metrics.allTopics, {});
  const prefix = "kafka_server_brokertopicmetrics";
  for (const name of [
    "replicationbytesin",
    "replicationbytesout",
    "producemessageconversions",
    "fetchmessageconversions",
  ]) {
    text.counter(`${prefix}_${name}_total`, 0);
  }
}

function traffic(text: PrometheusText, counts: TopicCounts, labels: Labels): void {
  const prefix = "kafka_server_brokertopicmetrics";
  text.counter(`${prefix}_bytesin_total`, counts.bytesIn, labels);
  text.counter(`${prefix}_messagesin_total`, counts.messagesIn, labels);
  text.counter(`${prefix}_bytesout_total`, counts.bytesOut, labels);
  text.counter(`${prefix}_bytesrejected_total`, counts.bytesRejected, labels);
  text.counter(`${prefix}_totalproducerequests_total`, counts.produces, labels);
  text.counter(`${prefix}_totalfetchrequests_total`, counts.fetches, labels);
  text.counter(`${prefix}_failedproducerequests_total`, counts.failedProduces, labels);
  text.counter(`${prefix}_failedfetchrequests_total`, counts.failedFetches, labels);
}

function requests(text: PrometheusText, metrics: BrokerMetrics): void {
  for (const counts of metrics.apis) {
    if (counts === undefined) continue;
    requestsOf(text, metrics, counts, counts.name);
    // Kafka tells consumers' fetches from followers', of which there are none.
    if (counts.name === "Fetch") requestsOf(text, metrics, counts, "FetchConsumer");
  }
  // Requests are served as they are read, so none waits to be; what waits is for bytes or for the disk.
  const channel = "kafka_network_requestchannel";
  text.gauge(`${channel}_requestqueuesize`, 0);
  text.gauge(`${channel}_responsequeuesize`, 0);
  for (const delayedOperation of ["Produce", "Fetch"]) {
    const waiting = metrics.apis.find((api) => api?.name === delayedOperation)?.waiting ?? 0;
    const purgatory = "kafka_server_delayedoperationpurgatory_purgatorysize";
    text.gauge(purgatory, waiting, { delayedOperation });
  }
  const name = "kafka_log_logflushstats_logflushrateandtimems";
  summary(text, metrics, name, metrics.flushes, {});
}

function requestsOf(
  text: PrometheusText,
  metrics: BrokerMetrics,
  counts: ApiCounts,
  request: string,
): void {
  const prefix = "kafka_network_requestmetrics";
  for (const [version, count] of counts.byVersion.entries()) {
    if (count > 0) text.counter(`${prefix}_requests_total`, count, { request, version });
  }
  const error = "UNKNOWN_SERVER_ERROR";
  text.counter(`${prefix}_errors_total`, counts.failures, { request, error });
  summary(text, metrics, `${prefix}_totaltimems`, counts.totalMs, { request });
  text.counter(`${prefix}_requestbytes`, counts.requestBytes, { request });
  text.counter(`${prefix}_responsebytes`, counts.responseBytes, { request });
}

function summary(
  text: PrometheusText,
  metrics: BrokerMetrics,
  name: string,
  histogram: Histogram,
  labels: Labels,
): void {
  const values = histogram.quantiles(QUANTILES, metrics.clock.monotonic());
  for (const [index, value] of values.entries()) {
    text.gauge(name, value, { ...labels, quantile: QUANTILES[index]! });
  }
  text.counter(`${name}_count`, histogram.count, labels);
}

async function partitions(
  text: PrometheusText,
  { cluster, engine, store }: Services,
): Promise<void> {
  let partitionCount = 0;
  for (const { name, topicId, replicas } of store.image.topics()) {
    partitionCount += replicas.length;
    for (const partition of replicas.keys()) {
      if (text.isTurnOver()) await nextTurn();
      const description = engine.describe(topicId, partition);
      if (description === null) continue;
      const labels = { topic: name, partition };
      text.gauge("kafka_log_log_size", description.sizeBytes, labels);
      text.gauge("kafka_log_log_logstartoffset", description.logStartOffset, labels);
      text.gauge("kafka_log_log_logendoffset", description.logEndOffset, labels);
      text.gauge("kafka_log_log_numlogsegments", description.segments, labels);
      text.gauge("kafka_cluster_partition_underminisr", 0, labels);
      text.gauge("kafka_cluster_partition_atminisr", 0, labels);
      text.gauge("kafka_cluster_partition_underreplicated", 0, labels);
      const replicaCount = replicas[partition]!.length;
      text.gauge("kafka_cluster_partition_replicascount", replicaCount, labels);
      text.gauge("kafka_cluster_partition_insyncreplicascount", replicaCount, labels);
    }
  }
  const manager = "kafka_server_replicamanager";
  text.gauge(`${manager}_partitioncount`, partitionCount);
  text.gauge(`${manager}_leadercount`, partitionCount);
  for (const name of [
    "underreplicatedpartitions",
    "underminisrpartitioncount",
    "atminisrpartitioncount",
    "offlinereplicacount",
    "reassigningpartitions",
  ]) {
    text.gauge(`${manager}_${name}`, 0);
  }
  for (const name of ["isrshrinks", "isrexpands", "failedisrupdates"]) {
    text.counter(`${manager}_${name}_total`, 0);
  }
  const controller = "kafka_controller_kafkacontroller";
  text.gauge(`${controller}_activecontrollercount`, 1);
  text.gauge(`${controller}_globaltopiccount`, store.image.topicCount);
  text.gauge(`${controller}_globalpartitioncount`, partitionCount);
  text.gauge(`${controller}_activebrokercount`, cluster.brokers.length);
  for (const name of [
    "offlinepartitionscount",
    "fencedbrokercount",
    "preferredreplicaimbalancecount",
  ]) {
    text.gauge(`${controller}_${name}`, 0);
  }
  text.counter("kafka_controller_controllerstats_uncleanleaderelections_total", 0);
  text.gauge("kafka_server_kafkaserver_brokerstate", RUNNING);
}

function coordinator(text: PrometheusText, metrics: BrokerMetrics, { groups }: Services): void {
  for (const [name, value] of Object.entries(groups.gauges())) {
    text.gauge(`kafka_coordinator_group_groupmetadatamanager_${name.toLowerCase()}`, value);
  }
  const prefix = "kafka_server_group_coordinator_metrics";
  text.counter(`${prefix}_group_completed_rebalance_count`, metrics.rebalances);
  text.gauge(`${prefix}_group_count`, groups.gauges().numGroups, { protocol: "classic" });
}

function connections(
  text: PrometheusText,
  metrics: BrokerMetrics,
  { fetchSessions }: Services,
): void {
  const software = new Map<string, { labels: Labels; count: number }>();
  const counts = new Map<string, number>();
  for (const listener of metrics.listeners()) {
    counts.set(listener.name, (counts.get(listener.name) ?? 0) + listener.connectionCount);
    for (const { clientSoftware } of listener.connections()) {
      const key = `${clientSoftware.name} ${clientSoftware.version}`;
      const known = software.get(key);
      if (known !== undefined) known.count++;
      else {
        const { name, version } = clientSoftware;
        const labels = { clientSoftwareName: name, clientSoftwareVersion: version };
        software.set(key, { labels, count: 1 });
      }
    }
  }
  const prefix = "kafka_server_socket_server_metrics";
  for (const [listener, count] of counts) {
    text.gauge(`${prefix}_connection_count`, count, { listener, networkProcessor: 0 });
  }
  let [requestTotal, incomingBytes, outgoingBytes] = [0, 0, 0];
  for (const api of metrics.apis) {
    requestTotal += api?.totalMs.count ?? 0;
    incomingBytes += api?.requestBytes ?? 0;
    outgoingBytes += api?.responseBytes ?? 0;
  }
  text.counter(`${prefix}_request_total`, requestTotal);
  text.counter(`${prefix}_incoming_byte_total`, incomingBytes);
  text.counter(`${prefix}_outgoing_byte_total`, outgoingBytes);
  const { connectionsOpened, connectionsClosed } = metrics;
  const now = metrics.clock.monotonic();
  text.counter(`${prefix}_connection_creation_total`, connectionsOpened.total);
  text.gauge(`${prefix}_connection_creation_rate`, connectionsOpened.perSecond(now));
  text.counter(`${prefix}_connection_close_total`, connectionsClosed.total);
  text.gauge(`${prefix}_connection_close_rate`, connectionsClosed.perSecond(now));
  // Listeners take everybody in.
  text.counter(`${prefix}_successful_authentication_total`, 0);
  text.counter(`${prefix}_failed_authentication_total`, 0);
  for (const { labels, count } of software.values()) {
    text.gauge(`${prefix}_connections_software`, count, labels);
  }
  const cache = "kafka_server_fetchsessioncache";
  text.gauge(`${cache}_numincrementalfetchsessions`, fetchSessions.count);
  text.gauge(`${cache}_numincrementalfetchpartitionscached`, fetchSessions.partitionCount);
  text.counter(`${cache}_incrementalfetchsessionevictions_total`, fetchSessions.evictions);
}

/** The metadata log, as a quorum of one. */
function quorum(text: PrometheusText, { cluster, engine }: Services): void {
  const prefix = "kafka_server_raftmetrics";
  const offset = engine.describe(METADATA_TOPIC_ID, 0)?.highWatermark ?? 0;
  text.gauge(`${prefix}_current_leader`, cluster.controller.id);
  text.gauge(`${prefix}_current_epoch`, engine.leaderEpoch + 1);
  text.gauge(`${prefix}_current_state`, 1, { state: "leader" });
  text.gauge(`${prefix}_high_watermark`, offset);
  text.gauge(`${prefix}_log_end_offset`, offset);
}
