"""Write `jars.lock`, the jars of the Kafka Streams worker: `python -m benchmarks.kafka_streams.lock`.

Run when the broker's version changes; Kafka Streams has the same.
"""

from __future__ import annotations

from benchmarks.kafka_streams.java import LOCK
from pipeline.local.kafka_files import kafka_version, locked_jars
from pipeline.local.kafka_lock import write_lock

if __name__ == "__main__":
    write_lock(
        LOCK,
        f"org.apache.kafka:kafka-streams:{kafka_version(locked_jars())}",
        "org.apache.avro:avro:1.12.1",
        "com.fasterxml.jackson.core:jackson-databind:2.20.0",
    )
