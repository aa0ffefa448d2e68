package ottla.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;

/**
 * Kafka Streams with exactly-once processing: a word count (a repartition topic, a store, its changelog) and a windowed join of two
 * topics (two stores). Every update of a count is written, so that a reader can tell whether each happened once.
 *
 * <p>Arguments: bootstrap address and the folder for local state. Runs until its standard input ends.
 */
public final class StreamsJob {
    /** How far apart two records may be to be joined. */
    private static final Duration WITHIN = Duration.ofSeconds(5);

    private StreamsJob() {}

    public static void main(String[] args) throws Exception {
        List<KafkaStreams> running = new ArrayList<>();
        for (Map.Entry<String, Topology> each : topologies().entrySet()) {
            KafkaStreams streams = new KafkaStreams(each.getValue(), settings(each.getKey(), args[0], args[1]));
            streams.setStateListener((now, before) -> Report.say("state", "application", each.getKey(), "state", now));
            streams.setUncaughtExceptionHandler(error -> {
                Report.say("replaced a thread", "application", each.getKey(), "after", error.toString());
                return StreamThreadExceptionResponse.REPLACE_THREAD;
            });
            streams.start();
            running.add(streams);
        }
        while (System.in.read() >= 0) {}
        for (KafkaStreams each : running) each.close(Duration.ofSeconds(20));
    }

    private static Map<String, Topology> topologies() {
        return Map.of("word-count", wordCount(), "windowed-join", windowedJoin());
    }

    private static Topology wordCount() {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream("lines")
                .flatMapValues(line -> List.of(line.toLowerCase(Locale.ROOT).split("\\W+")))
                .groupBy((key, word) -> word)
                .count(Materialized.as("counts"))
                .toStream()
                .mapValues(count -> Long.toString(count))
                .to("word-counts");
        return builder.build();
    }

    private static Topology windowedJoin() {
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> left = builder.stream("left");
        KStream<String, String> right = builder.stream("right");
        left.join(right, (ours, theirs) -> ours + "+" + theirs,
                        JoinWindows.ofTimeDifferenceAndGrace(WITHIN, Duration.ofDays(1)))
                .to("joined");
        return builder.build();
    }

    private static Properties settings(String application, String bootstrap, String stateDirectory) {
        Properties settings = new Properties();
        settings.putAll(Map.of(
                "application.id", application,
                "bootstrap.servers", bootstrap,
                "group.protocol", "classic",
                "processing.guarantee", "exactly_once_v2",
                "state.dir", stateDirectory,
                "num.stream.threads", 2,
                "commit.interval.ms", 100,
                "statestore.cache.max.bytes", 0));
        settings.putAll(Map.of(
                "default.key.serde", Serdes.StringSerde.class,
                "default.value.serde", Serdes.StringSerde.class,
                "consumer.session.timeout.ms", 3_000,
                "consumer.heartbeat.interval.ms", 300,
                "producer.transaction.timeout.ms", 10_000));
        return settings;
    }
}
