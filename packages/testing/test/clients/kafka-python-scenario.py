"""One phase of the kafka-python scenario: takes the bootstrap address, the phase and the records to send as
JSON on standard input; prints what it saw as one line of JSON."""

import json
import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

TOPIC = "kafka-python"
GROUP = "kafka-python-group"


def create(bootstrap, _):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({TOPIC: {"num_partitions": 3, "replication_factor": 1}})
    return sorted(admin.list_topics())


def produce(bootstrap, work):
    places = []
    for batch in work:
        producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            enable_idempotence=batch["idempotent"],
            compression_type=batch["codec"],
            linger_ms=50,
        )
        futures = [
            producer.send(
                TOPIC,
                key=record["key"].encode(),
                value=record["value"].encode(),
                headers=[(name, value.encode()) for name, value in record["headers"].items()],
            )
            for record in batch["records"]
        ]
        producer.flush()
        for future in futures:
            metadata = future.get(timeout=30)
            places.append([metadata.partition, metadata.offset])
        producer.close()
    return places


def consume(bootstrap, count):
    consumer = KafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=30000,
    )
    seen = []
    for message in consumer:
        seen.append(
            {
                "key": message.key.decode(),
                "value": message.value.decode(),
                "headers": {name: value.decode() for name, value in message.headers},
                "place": [message.partition, message.offset],
            }
        )
        if len(seen) >= count:
            break
    consumer.commit()
    consumer.close()
    return seen


def look(bootstrap, _):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP)
    partitions = [TopicPartition(TOPIC, each) for each in sorted(consumer.partitions_for_topic(TOPIC))]
    seen = {
        "partitions": len(partitions),
        "beginning": sum(consumer.beginning_offsets(partitions).values()),
        "end": sum(consumer.end_offsets(partitions).values()),
        "committed": sum(consumer.committed(each) for each in partitions),
        "atTimeZero": [
            found and found.offset
            for found in consumer.offsets_for_times({each: 1 for each in partitions}).values()
        ],
    }
    consumer.close()
    return seen


phase = {"create": create, "produce": produce, "consume": consume, "look": look}[sys.argv[2]]
print(json.dumps(phase(sys.argv[1], json.load(sys.stdin))))
