package ottla.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Clients of text records for one broker. */
final class Clients implements AutoCloseable {
    final String bootstrap;
    final Admin admin;

    Clients(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    /** A transactional producer that has not begun; {@code settings} are names and values in turn. */
    KafkaProducer<String, String> producer(String transactionalId, Object... settings) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("transactional.id", transactionalId);
        config.put("linger.ms", 5);
        return new KafkaProducer<>(with(config, settings), new StringSerializer(), new StringSerializer());
    }

    KafkaConsumer<String, String> consumer(Object... settings) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("group.protocol", "classic");
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", false);
        config.put("fetch.max.wait.ms", 100);
        return new KafkaConsumer<>(with(config, settings), new StringDeserializer(), new StringDeserializer());
    }

    void createTopic(String name, int partitions, String... settings) throws ExecutionException, InterruptedException {
        Map<String, String> config = new HashMap<>();
        for (int at = 0; at < settings.length; at += 2) config.put(settings[at], settings[at + 1]);
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(config))).all().get();
    }

    /** The values of every partition, from the first to the end as a reader of this isolation sees it. */
    Map<Integer, List<String>> read(String topic, String isolation) {
        try (KafkaConsumer<String, String> consumer = consumer("isolation.level", isolation)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(each -> new TopicPartition(topic, each.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            Map<Integer, List<String>> values = new TreeMap<>();
            for (TopicPartition each : partitions) values.put(each.partition(), new ArrayList<>());
            while (ends.entrySet().stream().anyMatch(each -> consumer.position(each.getKey()) < each.getValue())) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    values.get(record.partition()).add(record.value());
                }
            }
            return values;
        }
    }

    /** The end of a partition as a reader of this isolation sees it. */
    long end(String topic, int partition, String isolation) {
        try (KafkaConsumer<String, String> consumer = consumer("isolation.level", isolation)) {
            TopicPartition place = new TopicPartition(topic, partition);
            return consumer.endOffsets(List.of(place)).get(place);
        }
    }

    @Override
    public void close() {
        admin.close();
    }

    private static Map<String, Object> with(Map<String, Object> config, Object... settings) {
        for (int at = 0; at < settings.length; at += 2) config.put((String) settings[at], settings[at + 1]);
        return config;
    }
}
