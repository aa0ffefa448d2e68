"""What librdkafka's transactional producer and its readers see, through confluent-kafka: takes the bootstrap address, prints one
line of JSON per story; the test judges."""

import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 3
WITHIN_S = 30


def say(about, **rest):
    print(json.dumps({"about": about, **rest}))


def producer(bootstrap, transactional_id, **settings):
    config = {"bootstrap.servers": bootstrap, "transactional.id": transactional_id, "linger.ms": 5}
    return Producer({**config, **{name.replace("_", "."): value for name, value in settings.items()}})


def consumer(bootstrap, group, isolation):
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "session.timeout.ms": 6000,
            "fetch.wait.max.ms": 50,
        }
    )


def create_topic(bootstrap, name):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, PARTITIONS, 1)]).values():
        future.result()


def read(bootstrap, topic, isolation):
    """The values of each partition up to its end as a reader of this isolation sees it."""
    reader = consumer(bootstrap, "nobody", isolation)
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    values = [[] for _ in range(PARTITIONS)]
    at_end = set()
    deadline = time.monotonic() + WITHIN_S
    while len(at_end) < PARTITIONS and time.monotonic() < deadline:
        message = reader.poll(1)
        if message is None:
            continue
        if message.error():
            at_end.add(message.partition())
        else:
            values[message.partition()].append(message.value().decode())
    reader.close()
    return values


def failure(action):
    """The name of the error that an action ends with and what librdkafka says may be done; None without one."""
    try:
        action()
        return None
    except KafkaException as thrown:
        error = thrown.args[0]
        return [error.name(), error.fatal(), error.txn_requires_abort()]


def commits_and_aborts(bootstrap, codec):
    topic = f"commits-{codec}"
    create_topic(bootstrap, topic)
    sender = producer(bootstrap, topic, compression_codec=codec)
    sender.init_transactions(WITHIN_S)
    for transaction in range(5):
        sender.begin_transaction()
        for index in range(10 * PARTITIONS):
            value = f"{transaction}/{index} " + "äöü" * index
            sender.produce(topic, value.encode(), b"key", partition=index % PARTITIONS)
        sender.flush(WITHIN_S)  # An abort drops what has not left yet.
        if transaction % 2 == 0:
            sender.commit_transaction(WITHIN_S)
        else:
            sender.abort_transaction(WITHIN_S)
    committed = read(bootstrap, topic, "read_committed")
    say("commits and aborts", codec=codec, committed=committed, all=read(bootstrap, topic, "read_uncommitted"))


def fencing(bootstrap):
    topic = "fencing"
    create_topic(bootstrap, topic)
    zombie, owner = producer(bootstrap, topic), producer(bootstrap, topic)
    zombie.init_transactions(WITHIN_S)
    zombie.begin_transaction()
    zombie.produce(topic, b"zombie", partition=0)
    zombie.flush(WITHIN_S)
    owner.init_transactions(WITHIN_S)
    commit = failure(lambda: zombie.commit_transaction(WITHIN_S))
    owner.begin_transaction()
    owner.produce(topic, b"owner", partition=0)
    owner.commit_transaction(WITHIN_S)
    say("fencing", commit=commit, committed=read(bootstrap, topic, "read_committed")[0])


def timeout(bootstrap):
    topic = "timeout"
    create_topic(bootstrap, topic)
    slow = producer(bootstrap, topic, transaction_timeout_ms=1000)
    slow.init_transactions(WITHIN_S)
    slow.begin_transaction()
    slow.produce(topic, b"too late", partition=0)
    slow.flush(WITHIN_S)
    reader = consumer(bootstrap, "nobody", "read_committed")
    reader.assign([TopicPartition(topic, 0, 0)])
    place = TopicPartition(topic, 0)
    # The last stable offset moves when the coordinator has aborted.
    while reader.get_watermark_offsets(place)[1] == 0:
        time.sleep(0.05)
    reader.close()
    commit = failure(lambda: slow.commit_transaction(WITHIN_S))
    say("timeout", commit=commit, committed=read(bootstrap, topic, "read_committed")[0])


def copy(bootstrap):
    """Copies 300 records in transactions with the group's offsets in them; every third is aborted and begun anew."""
    source, target, group = "copy-from", "copy-to", "copy-group"
    for topic in (source, target):
        create_topic(bootstrap, topic)
    filler = producer(bootstrap, "filler")
    filler.init_transactions(WITHIN_S)
    filler.begin_transaction()
    for index in range(300):
        filler.produce(source, str(index).encode(), partition=index % PARTITIONS)
    filler.commit_transaction(WITHIN_S)

    reader = consumer(bootstrap, group, "read_committed")
    reader.subscribe([source])
    writer = producer(bootstrap, "copier")
    writer.init_transactions(WITHIN_S)
    copied, turn = 0, 0
    deadline = time.monotonic() + WITHIN_S
    while copied < 300 and time.monotonic() < deadline:
        messages = [each for each in reader.consume(20, 0.5) if not each.error()]
        if not messages:
            continue
        turn += 1
        writer.begin_transaction()
        for message in messages:
            writer.produce(target, message.value() + b" copied", partition=message.partition())
        positions = reader.position(reader.assignment())
        offsets = [each for each in positions if each.offset >= 0]
        writer.send_offsets_to_transaction(offsets, reader.consumer_group_metadata(), WITHIN_S)
        if turn % 3 == 0:
            writer.abort_transaction(WITHIN_S)
            for place in reader.committed(reader.assignment(), WITHIN_S):
                reader.seek(TopicPartition(place.topic, place.partition, max(place.offset, 0)))
        else:
            writer.commit_transaction(WITHIN_S)
            copied += len(messages)
    committed = reader.committed([TopicPartition(source, each) for each in range(PARTITIONS)], WITHIN_S)
    reader.close()
    say(
        "copy",
        committed=read(bootstrap, target, "read_committed"),
        offsets=[each.offset for each in committed],
        turns=turn,
    )


def outdated_member(bootstrap):
    """A member that the group has left behind cannot commit its offsets."""
    topic, group = "outdated", "outdated-group"
    create_topic(bootstrap, topic)
    reader = consumer(bootstrap, group, "read_committed")
    reader.subscribe([topic])
    while not reader.assignment():
        reader.poll(0.1)
    past = reader.consumer_group_metadata()
    reader.close()
    writer = producer(bootstrap, topic)
    writer.init_transactions(WITHIN_S)
    writer.begin_transaction()
    writer.produce(topic, b"value", partition=0)
    offsets = [TopicPartition(topic, 0, 1)]
    send = failure(lambda: writer.send_offsets_to_transaction(offsets, past, WITHIN_S))
    writer.abort_transaction(WITHIN_S)
    say("an outdated member", send=send, committed=read(bootstrap, topic, "read_committed")[0])


address = sys.argv[1]
for each in ("none", "gzip", "snappy", "lz4", "zstd"):
    commits_and_aborts(address, each)
fencing(address)
timeout(address)
copy(address)
outdated_member(address)
