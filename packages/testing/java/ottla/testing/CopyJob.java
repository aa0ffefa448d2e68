package ottla.testing;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/**
 * Copies each record of one topic to another exactly once, as a member of a group, and now and then gives up a transaction on purpose.
 *
 * <p>Arguments: bootstrap address, topic to read, topic to write, group, transactional id, seed. Runs until its standard input ends;
 * reports what it committed and every time it began anew.
 */
public final class CopyJob {
    private final Clients clients;
    private final String from;
    private final String to;
    private final String group;
    private final String transactionalId;
    private final Random random;
    private final AtomicBoolean stopping = new AtomicBoolean();

    private CopyJob(Clients clients, String[] args) {
        this.clients = clients;
        from = args[1];
        to = args[2];
        group = args[3];
        transactionalId = args[4];
        random = new Random(Long.parseLong(args[5]));
    }

    public static void main(String[] args) throws Exception {
        try (Clients clients = new Clients(args[0])) {
            CopyJob job = new CopyJob(clients, args);
            Thread input = new Thread(job::stopWhenInputEnds);
            input.setDaemon(true);
            input.start();
            while (!job.stopping.get()) {
                try {
                    job.copy();
                } catch (KafkaException error) {
                    // Nothing this producer or member could still do; another begins where the group's offsets are.
                    Report.say("began anew", "after", error.toString());
                }
            }
        }
    }

    private void copy() {
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", group,
                        "isolation.level", "read_committed", "max.poll.records", 40,
                        "session.timeout.ms", 3_000, "heartbeat.interval.ms", 300);
                KafkaProducer<String, String> producer = clients.producer(transactionalId,
                        "transaction.timeout.ms", 10_000)) {
            producer.initTransactions();
            consumer.subscribe(List.of(from));
            while (!stopping.get()) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
                if (records.isEmpty()) continue;
                producer.beginTransaction();
                try {
                    copy(records, consumer, producer);
                } catch (KafkaException error) {
                    producer.abortTransaction();
                    Report.say("aborted", "after", error.toString());
                    rewind(consumer);
                }
            }
        }
    }

    private void copy(ConsumerRecords<String, String> records, KafkaConsumer<String, String> consumer,
            KafkaProducer<String, String> producer) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
            producer.send(new ProducerRecord<>(to, record.partition(), record.key(), record.value() + " copied"));
            offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        if (random.nextInt(5) == 0) {
            producer.abortTransaction();
            rewind(consumer);
            return;
        }
        while (true) {
            try {
                producer.commitTransaction();
                Report.say("committed", "records", records.count());
                return;
            } catch (TimeoutException again) {
                // The outcome is unknown: only the same call again may tell.
            }
        }
    }

    /** Back to what the group has committed. */
    private void rewind(KafkaConsumer<String, String> consumer) {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition place : consumer.assignment()) {
            OffsetAndMetadata offset = committed.get(place);
            if (offset == null) consumer.seekToBeginning(List.of(place));
            else consumer.seek(place, offset.offset());
        }
    }

    private void stopWhenInputEnds() {
        try {
            while (System.in.read() >= 0) {}
        } catch (java.io.IOException closed) {
            // As good as its end.
        }
        stopping.set(true);
    }
}
