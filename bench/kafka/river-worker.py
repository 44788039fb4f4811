"""The peer in Python: confluent-kafka around River. Predicts each text, learns from its label, produces a result.

    python3 bench/kafka/river-worker.py BROKERS SOURCE PARTITIONS NAME at-least-once|transactions

A chunk is what has arrived, at most 500 records. Its model is in memory only: it does not outlive the process.
"""

import json
import signal
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from river import feature_extraction, naive_bayes

CHUNK_RECORDS = 500


def say(**progress):
    print(json.dumps({**progress, "time": time.time() * 1000}), flush=True)


def raise_failed(error, _message):
    if error is not None:
        raise RuntimeError(str(error))


def main():
    brokers, source, _partitions, name, mode = sys.argv[1:6]
    transactions = mode == "transactions"
    running = True

    def stop(*_):
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    say(type="started")
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": f"{name}.river",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "session.timeout.ms": 10_000,
        }
    )
    settings = {"bootstrap.servers": brokers, "acks": "all"}
    if transactions:
        settings["transactional.id"] = f"{name}.river"
    producer = Producer(settings)
    if transactions:
        producer.init_transactions()
    consumer.subscribe([source])

    bag = feature_extraction.BagOfWords(lowercase=True)
    model = naive_bayes.MultinomialNB()
    results = f"{name}.results"
    while running:
        # One by waiting, then all that is there already: large chunks under load, one record when idle.
        messages = consumer.consume(1, 0.5)
        if messages:
            messages += consumer.consume(CHUNK_RECORDS - 1, 0)
        if not messages:
            continue
        if transactions:
            producer.begin_transaction()
        for message in messages:
            if message.error() is not None:
                raise RuntimeError(str(message.error()))
            record = json.loads(message.value())
            x = bag.transform_one(record["text"])
            prediction = model.predict_one(x)
            label = record.get("label")
            if label is not None:
                model.learn_one(x, label)
            result = {"type": "prediction", "id": record["id"], "prediction": prediction, "label": label}
            while True:
                try:
                    producer.produce(
                        results,
                        json.dumps(result),
                        key=message.key(),
                        partition=message.partition(),
                        on_delivery=raise_failed,
                    )
                    break
                except BufferError:
                    producer.poll(0.01)
        if transactions:
            producer.send_offsets_to_transaction(
                next_positions(messages), consumer.consumer_group_metadata()
            )
            producer.commit_transaction()
        else:
            producer.flush()
            consumer.commit(offsets=next_positions(messages), asynchronous=False)
        say(type="committed", records=len(messages))
    consumer.close()


def next_positions(messages):
    last = {(m.topic(), m.partition()): m.offset() + 1 for m in messages}
    return [TopicPartition(topic, partition, offset) for (topic, partition), offset in last.items()]


if __name__ == "__main__":
    main()
