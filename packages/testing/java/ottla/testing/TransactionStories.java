package ottla.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * Lives through what can happen to a transactional producer and reports what it and its readers saw; the test judges.
 *
 * <p>Arguments: the bootstrap address and a seed. The broker must look for timed-out transactions more often than every second.
 */
public final class TransactionStories {
    private static final int PARTITIONS = 3;
    private static final String COMMITTED = "read_committed";
    private static final String ALL = "read_uncommitted";

    private final Clients clients;

    private TransactionStories(Clients clients) {
        this.clients = clients;
    }

    public static void main(String[] args) throws Exception {
        try (Clients clients = new Clients(args[0])) {
            TransactionStories stories = new TransactionStories(clients);
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) stories.commitsAndAborts(codec);
            stories.anOpenTransaction();
            stories.fencing();
            stories.timeout();
            stories.offsets();
            stories.aRefusedRecord();
            stories.nothingInIt();
            stories.lookingAround();
            stories.manyAtOnce(Long.parseLong(args[1]));
        }
    }

    /** Five transactions over all partitions, the second and fourth aborted. */
    private void commitsAndAborts(String codec) throws Exception {
        String topic = "commits-" + codec;
        clients.createTopic(topic, PARTITIONS);
        try (KafkaProducer<String, String> producer = clients.producer(topic, "compression.type", codec)) {
            producer.initTransactions();
            for (int transaction = 0; transaction < 5; transaction++) {
                producer.beginTransaction();
                for (int index = 0; index < 10 * PARTITIONS; index++) {
                    String value = transaction + "/" + index + " " + "äöü".repeat(index);
                    producer.send(new ProducerRecord<>(topic, index % PARTITIONS, "key", value));
                }
                producer.flush(); // An abort drops what has not left yet.
                if (transaction % 2 == 0) producer.commitTransaction();
                else producer.abortTransaction();
            }
        }
        Report.say("commits and aborts", "codec", codec, "committed", clients.read(topic, COMMITTED),
                "all", clients.read(topic, ALL));
    }

    /** What a reader of committed records sees before, in and after an open transaction, and behind it. */
    private void anOpenTransaction() throws Exception {
        String topic = "open";
        clients.createTopic(topic, 1);
        try (KafkaProducer<String, String> early = clients.producer("open-early");
                KafkaProducer<String, String> late = clients.producer("open-late")) {
            early.initTransactions();
            late.initTransactions();
            early.beginTransaction();
            early.send(new ProducerRecord<>(topic, "early")).get();
            late.beginTransaction();
            late.send(new ProducerRecord<>(topic, "late")).get();
            late.commitTransaction();
            Report.say("an open transaction", "committed", clients.read(topic, COMMITTED).get(0),
                    "all", clients.read(topic, ALL).get(0), "lastStable", clients.end(topic, 0, COMMITTED),
                    "end", clients.end(topic, 0, ALL));
            early.commitTransaction();
            Report.say("after it", "committed", clients.read(topic, COMMITTED).get(0),
                    "lastStable", clients.end(topic, 0, COMMITTED), "end", clients.end(topic, 0, ALL));
        }
    }

    /** Another producer takes the transactional id while a transaction is open. */
    private void fencing() throws Exception {
        String topic = "fencing";
        clients.createTopic(topic, 1);
        try (KafkaProducer<String, String> zombie = clients.producer(topic);
                KafkaProducer<String, String> owner = clients.producer(topic)) {
            zombie.initTransactions();
            zombie.beginTransaction();
            zombie.send(new ProducerRecord<>(topic, "zombie")).get();
            owner.initTransactions();
            String commit = Report.thrownBy(zombie::commitTransaction);
            String begin = Report.thrownBy(zombie::beginTransaction);
            owner.beginTransaction();
            owner.send(new ProducerRecord<>(topic, "owner")).get();
            owner.commitTransaction();
            Report.say("fencing", "commit", commit, "begin", begin,
                    "committed", clients.read(topic, COMMITTED).get(0), "all", clients.read(topic, ALL).get(0));
        }
    }

    /** The coordinator aborts what stays open longer than its timeout; the producer may go on after an abort of its own. */
    private void timeout() throws Exception {
        String topic = "timeout";
        clients.createTopic(topic, 1);
        try (KafkaProducer<String, String> producer = clients.producer(topic, "transaction.timeout.ms", 1_000)) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "too late")).get();
            await(topic, TransactionState.COMPLETE_ABORT);
            String commit = Report.thrownBy(producer::commitTransaction);
            String abort = Report.thrownBy(producer::abortTransaction);
            Report.say("timeout", "commit", commit, "abort", abort);
        }
        try (KafkaProducer<String, String> producer = clients.producer(topic)) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "in time")).get();
            producer.commitTransaction();
            Report.say("after the timeout", "committed", clients.read(topic, COMMITTED).get(0));
        }
    }

    /** Offsets become visible with the records, or not at all; a member of the past commits nothing. */
    private void offsets() throws Exception {
        String topic = "offsets";
        String group = "offsets-group";
        clients.createTopic(topic, 1);
        TopicPartition place = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = clients.producer(topic);
                KafkaConsumer<String, String> consumer = clients.consumer("group.id", group, "isolation.level", COMMITTED)) {
            producer.initTransactions();
            producer.beginTransaction();
            for (int index = 0; index < 5; index++) producer.send(new ProducerRecord<>(topic, "value " + index));
            producer.commitTransaction();
            consumer.subscribe(List.of(topic));
            while (consumer.poll(Duration.ofMillis(100)).isEmpty()) {}

            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(place, new OffsetAndMetadata(3)), consumer.groupMetadata());
            String whileOpen = Report.thrownBy(() -> stable(consumer, place, 1_000));
            Long pending = visible(group, place);
            producer.commitTransaction();
            Long afterCommit = stable(consumer, place, 10_000);

            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(place, new OffsetAndMetadata(5)), consumer.groupMetadata());
            producer.abortTransaction();
            Long afterAbort = stable(consumer, place, 10_000);

            ConsumerGroupMetadata past = consumer.groupMetadata();
            consumer.enforceRebalance();
            while (consumer.groupMetadata().generationId() == past.generationId()) consumer.poll(Duration.ofMillis(100));
            producer.beginTransaction();
            String outdated = Report.thrownBy(() -> {
                producer.sendOffsetsToTransaction(Map.of(place, new OffsetAndMetadata(4)), past);
                producer.commitTransaction();
            });
            producer.abortTransaction();
            Report.say("offsets", "whileOpen", whileOpen, "pending", pending, "afterCommit", afterCommit,
                    "afterAbort", afterAbort, "outdated", outdated, "end", stable(consumer, place, 10_000));
        }
    }

    /** The broker refuses a record; the transaction can only be aborted, the next one is as good as any. */
    private void aRefusedRecord() throws Exception {
        String topic = "refused";
        clients.createTopic(topic, 1, "max.message.bytes", "1000");
        try (KafkaProducer<String, String> producer = clients.producer(topic)) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "small"));
            producer.flush();
            String send = Report.thrownBy(() -> producer.send(new ProducerRecord<>(topic, "x".repeat(5_000))).get());
            String commit = Report.thrownBy(producer::commitTransaction);
            producer.abortTransaction();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "again"));
            producer.commitTransaction();
            Report.say("a refused record", "send", send, "commit", commit,
                    "committed", clients.read(topic, COMMITTED).get(0));
        }
    }

    private void nothingInIt() throws Exception {
        String topic = "nothing";
        clients.createTopic(topic, 1);
        try (KafkaProducer<String, String> producer = clients.producer(topic)) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.commitTransaction();
            producer.beginTransaction();
            producer.abortTransaction();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "something"));
            producer.commitTransaction();
            Report.say("nothing in it", "committed", clients.read(topic, COMMITTED).get(0),
                    "end", clients.end(topic, 0, COMMITTED));
        }
    }

    /** What the admin client sees of an open transaction, and how it ends one. */
    private void lookingAround() throws Exception {
        String topic = "looking";
        clients.createTopic(topic, 1);
        TopicPartition place = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = clients.producer(topic)) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "aborted by hand")).get();

            TransactionListing listing = clients.admin.listTransactions().all().get().stream()
                    .filter(each -> each.transactionalId().equals(topic)).findFirst().orElseThrow();
            TransactionDescription description = describe(topic);
            ProducerState state = activeProducers(place).get(0);
            Report.say("looking around", "listed", listing.state().toString(),
                    "described", description.state().toString(),
                    "partitions", description.topicPartitions().stream().map(TopicPartition::toString).toList(),
                    "timeoutMs", description.transactionTimeoutMs(),
                    "sameProducer", state.producerId() == description.producerId()
                            && state.producerEpoch() == description.producerEpoch()
                            && listing.producerId() == state.producerId(),
                    "lastSequence", state.lastSequence(),
                    "startOffset", state.currentTransactionStartOffset().getAsLong());

            AbortTransactionSpec spec = new AbortTransactionSpec(place, state.producerId(),
                    (short) state.producerEpoch(), state.coordinatorEpoch().orElse(0));
            String abort = Report.thrownBy(() -> clients.admin.abortTransaction(spec).all().get());
            Report.say("aborted by hand", "abort", abort,
                    "lastStable", clients.end(topic, 0, COMMITTED), "end", clients.end(topic, 0, ALL),
                    "startOffset", activeProducers(place).stream()
                            .anyMatch(each -> each.currentTransactionStartOffset().isPresent()));
            clients.admin.fenceProducers(List.of(topic)).all().get();
            Report.say("fenced by hand", "commit", Report.thrownBy(producer::commitTransaction),
                    "committed", clients.read(topic, COMMITTED).get(0));
        }
    }

    /** Several producers write to the same partitions, every third transaction is aborted, in random sizes. */
    private void manyAtOnce(long seed) throws Exception {
        String topic = "many";
        clients.createTopic(topic, PARTITIONS);
        TreeSet<String> expected = new TreeSet<>();
        List<Thread> threads = new ArrayList<>();
        List<Exception> failures = new ArrayList<>();
        for (int number = 0; number < 4; number++) {
            String id = "many-" + number;
            Random random = new Random(seed + number);
            threads.add(new Thread(() -> {
                try (KafkaProducer<String, String> producer = clients.producer(id)) {
                    producer.initTransactions();
                    for (int transaction = 0; transaction < 15; transaction++) {
                        List<String> values = new ArrayList<>();
                        producer.beginTransaction();
                        for (int index = random.nextInt(8); index >= 0; index--) {
                            values.add(id + "/" + transaction + "/" + index);
                            int partition = random.nextInt(PARTITIONS);
                            producer.send(new ProducerRecord<>(topic, partition, id, values.get(values.size() - 1)));
                            if (random.nextInt(4) == 0) producer.flush();
                        }
                        if (random.nextInt(3) == 0) {
                            producer.abortTransaction();
                        } else {
                            producer.commitTransaction();
                            synchronized (expected) {
                                expected.addAll(values);
                            }
                        }
                    }
                } catch (Exception error) {
                    synchronized (failures) {
                        failures.add(error);
                    }
                }
            }));
        }
        for (Thread each : threads) each.start();
        for (Thread each : threads) each.join();
        for (Exception each : failures) each.printStackTrace();
        List<String> seen = clients.read(topic, COMMITTED).values().stream().flatMap(List::stream).sorted().toList();
        Report.say("many at once", "failures", failures.size(), "expected", expected, "committed", seen);
    }

    /** What the group has committed, once no transaction holds it back; waits at most this long. */
    private static Long stable(KafkaConsumer<String, String> consumer, TopicPartition place, int withinMs) {
        OffsetAndMetadata offset = consumer.committed(Set.of(place), Duration.ofMillis(withinMs)).get(place);
        return offset == null ? null : offset.offset();
    }

    /** What the group has committed, as one sees it who does not care about open transactions. */
    private Long visible(String group, TopicPartition place) throws ExecutionException, InterruptedException {
        OffsetAndMetadata offset =
                clients.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(place);
        return offset == null ? null : offset.offset();
    }

    private TransactionDescription describe(String transactionalId) throws ExecutionException, InterruptedException {
        return clients.admin.describeTransactions(List.of(transactionalId)).description(transactionalId).get();
    }

    private List<ProducerState> activeProducers(TopicPartition place) throws Exception {
        return clients.admin.describeProducers(List.of(place)).partitionResult(place).get().activeProducers();
    }

    private void await(String transactionalId, TransactionState state) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (describe(transactionalId).state() != state) {
            if (System.nanoTime() > deadline) throw new IllegalStateException("never " + state);
            TimeUnit.MILLISECONDS.sleep(50);
        }
    }
}
