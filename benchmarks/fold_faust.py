"""Plain Faust's side: its own driver and RocksDB tables, at least once, set up as its documentation says.

`python -m benchmarks.fold_faust BOOTSTRAP INPUT_TOPIC PREFIX DIRECTORY`, run by `benchmarks.measure`. Keys and
values are raw bytes to Faust, and the codecs are ours, so both systems read and write the same records.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import faust
import uvloop

from benchmarks.step import Step
from benchmarks.workload import PARTITIONS, decode_state, encode_state


def create_app(bootstrap: str, input_topic: str, prefix: str, directory: Path) -> faust.App:
    """The worker's app: one agent that folds `input_topic` into the table of customers."""
    app = faust.App(
        prefix.rstrip("."),
        broker=f"kafka://{bootstrap}",
        store="rocksdb://",
        datadir=str(directory / "state"),
        topic_partitions=PARTITIONS,
        table_standby_replicas=0,
        web_enabled=False,
    )
    raw = {"key_type": bytes, "value_type": bytes}
    events = app.topic(input_topic, value_serializer="raw", **raw)
    actions = app.topic(f"{prefix}actions", value_serializer="raw", **raw)
    customers = app.Table("sessions", partitions=PARTITIONS, options={"driver": "rocksdict"}, **raw)
    step = Step(directory)

    @app.agent(events, name="fold")
    async def fold_events(stream: Any) -> None:
        async for record in stream.events():
            known = customers.get(record.key)
            state, action = step(
                None if known is None else decode_state(known), record.value, record.headers.items()
            )
            customers[record.key] = encode_state(state)
            if action is not None:
                await actions.send(key=action.key, value=action.value, headers=action.headers)

    return app


def main() -> None:
    bootstrap, input_topic, prefix, directory = sys.argv[1:]
    uvloop.install()
    app = create_app(bootstrap, input_topic, prefix, Path(directory))
    faust.Worker(app, loop=asyncio.new_event_loop(), loglevel="WARNING").execute_from_commandline()


if __name__ == "__main__":
    main()
