"""Quix Streams' side: a streaming data frame with state, exactly once.

`python -m benchmarks.fold_quix BOOTSTRAP INPUT_TOPIC PREFIX DIRECTORY`, run by `benchmarks.measure` in the peers'
environment. States and actions are the bytes of our codecs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.models import SerializationContext, Serializer
from quixstreams.state.rocksdb import RocksDBOptions

from benchmarks.step import Output, Step
from benchmarks.workload import decode_state, encode_state

# It does not fold while it commits, so a longer interval than its peers' gives it more events a second.
_COMMIT_INTERVAL_S = 2.0
# The interval is looked at between two polls: a long poll would delay the last commit.
_POLL_S = 0.05
_STATE_KEY = b"state"


class ActionSerializer(Serializer):
    """The value of an action's record; its key and headers have steps of their own."""

    def __call__(self, value: Output, ctx: SerializationContext) -> bytes:
        return value.value


def create_app(bootstrap: str, input_topic: str, prefix: str, directory: Path) -> Application:
    """The worker's app: one data frame that folds `input_topic` into the states of its keys."""
    app = Application(
        broker_address=bootstrap,
        consumer_group=prefix.rstrip("."),
        processing_guarantee="exactly-once",
        commit_interval=_COMMIT_INTERVAL_S,
        consumer_poll_timeout=_POLL_S,
        auto_offset_reset="earliest",
        state_dir=directory / "state",
        rocksdb_options=RocksDBOptions(dumps=encode_state, loads=decode_state),
        # While a transaction ends the broker asks to come back; librdkafka's 100 ms would be most of a commit.
        producer_extra_config={
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "retry.backoff.ms": 1,
            "retry.backoff.max.ms": 5,
        },
        loglevel="WARNING",
    )
    raw = {"key_deserializer": "bytes", "value_deserializer": "bytes"}
    events = app.topic(input_topic, **raw)
    actions = app.topic(f"{prefix}actions", key_serializer="bytes", value_serializer=ActionSerializer())
    step = Step(directory)

    def fold_event(value: bytes, _key: bytes, _time: int, headers: Any, state: Any) -> tuple[Output, ...]:
        after, action = step(state.get(_STATE_KEY), value, headers)
        state.set(_STATE_KEY, after)
        return () if action is None else (action,)

    frame = app.dataframe(events).apply(fold_event, stateful=True, metadata=True, expand=True)
    frame = frame.set_headers(lambda action, *_: action.headers)
    frame.to_topic(actions, key=lambda action: action.key)
    return app


def main() -> None:
    bootstrap, input_topic, prefix, directory = sys.argv[1:]
    create_app(bootstrap, input_topic, prefix, Path(directory)).run()


if __name__ == "__main__":
    main()
