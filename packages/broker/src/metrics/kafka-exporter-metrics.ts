/** Topics, offsets and lag under the names of kafka_exporter, which lag dashboards and alert packs use. */
import type { Services } from "../services.ts";
import { nextTurn } from "../turns.ts";
import type { PrometheusText } from "./prometheus-text.ts";

export async function kafkaExporterMetrics(
  text: PrometheusText,
  services: Services,
): Promise<void> {
  brokers(text, services);
  await topics(text, services);
  await consumerGroups(text, services);
}

function brokers(text: PrometheusText, { cluster }: Services): void {
  text.gauge("kafka_brokers", cluster.brokers.length);
  for (const { id, endpoints } of cluster.brokers) {
    const endpoint = endpoints.values().next().value;
    if (endpoint === undefined) continue;
    text.gauge("kafka_broker_info", 1, { id, address: `${endpoint.host}:${endpoint.port}` });
  }
}

async function topics(text: PrometheusText, { cluster, engine, store }: Services): Promise<void> {
  for (const topic of store.image.topics()) {
    const { name, topicId, replicas } = topic;
    text.gauge("kafka_topic_partitions", replicas.length, { topic: name });
    for (const [partition, assigned] of replicas.entries()) {
      if (text.isTurnOver()) await nextTurn();
      const description = engine.describe(topicId, partition);
      if (description === null) continue;
      const labels = { topic: name, partition };
      const prefix = "kafka_topic_partition";
      const leader = cluster.leader(topic, partition);
      text.gauge(`${prefix}_current_offset`, description.highWatermark, labels);
      text.gauge(`${prefix}_oldest_offset`, description.logStartOffset, labels);
      text.gauge(`${prefix}_leader`, leader, labels);
      text.gauge(`${prefix}_replicas`, assigned.length, labels);
      text.gauge(`${prefix}_in_sync_replica`, cluster.replicas(topic, partition).length, labels);
      text.gauge(`${prefix}_leader_is_preferred`, leader === assigned[0] ? 1 : 0, labels);
      text.gauge(`${prefix}_under_replicated_partition`, 0, labels);
    }
  }
}

async function consumerGroups(text: PrometheusText, services: Services): Promise<void> {
  const { engine, groups, store } = services;
  const listed = groups.listGroups({ statesFilter: [], typesFilter: [] }).groups;
  for (const { groupId: consumergroup } of listed) {
    if (text.isTurnOver()) await nextTurn();
    const described = groups.describeGroups([consumergroup])[0]!;
    text.gauge("kafka_consumergroup_members", described.members.length, { consumergroup });
    const { groups: fetched } = await groups.fetchOffsets({
      groups: [{ groupId: consumergroup, memberId: null, memberEpoch: -1, topics: null }],
      requireStable: false,
    });
    for (const { name: topic, partitions } of fetched[0]?.topics ?? []) {
      const topicId = store.image.topic(topic)?.topicId;
      let offsetSum = 0;
      let lagSum = 0;
      for (const { partitionIndex: partition, committedOffset } of partitions) {
        const end =
          topicId === undefined ? undefined : engine.describe(topicId, partition)?.highWatermark;
        const lag = end === undefined ? 0 : Math.max(0, end - committedOffset);
        const labels = { consumergroup, topic, partition };
        text.gauge("kafka_consumergroup_current_offset", committedOffset, labels);
        text.gauge("kafka_consumergroup_lag", lag, labels);
        offsetSum += committedOffset;
        lagSum += lag;
      }
      text.gauge("kafka_consumergroup_current_offset_sum", offsetSum, { consumergroup, topic });
      text.gauge("kafka_consumergroup_lag_sum", lagSum, { consumergroup, topic });
    }
  }
}
