"""Bytewax's side: a stateful dataflow with recovery, at least once.

`python -m benchmarks.fold_bytewax BOOTSTRAP INPUT_TOPIC PREFIX DIRECTORY`, run by `benchmarks.measure` in the
peers' environment. It reads to the end of its input and then ends: it joins no consumer group, so nothing outside
could tell how far it is. States are in its own recovery store, where it keeps what others keep in a changelog.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir

# `run_main` is for tests only; this is what `python -m bytewax.run` calls.
from bytewax.run import cli_main

from benchmarks.step import Step
from benchmarks.workload import State

Event = KafkaSourceMessage[bytes, bytes]
Action = KafkaSinkMessage[bytes, bytes]


class Customer(StatefulBatchLogic[Event, Action, State]):
    """One customer's state; states are never changed in place, so a snapshot needs no copy."""

    def __init__(self, step: Step, state: State | None) -> None:
        self._step = step
        self._state = state

    def on_batch(self, values: list[Event]) -> tuple[list[Action], bool]:
        actions = []
        for event in values:
            self._state, action = self._step(self._state, event.value, event.headers)
            if action is not None:
                actions.append(KafkaSinkMessage(action.key, action.value, headers=action.headers))
        return actions, StatefulBatchLogic.RETAIN

    def snapshot(self) -> State | None:
        return self._state


def create_flow(bootstrap: str, input_topic: str, prefix: str, directory: Path) -> Dataflow:
    """The worker's dataflow: from `input_topic` through the states of its keys to the actions."""
    flow = Dataflow("fold")
    step = Step(directory)
    records = op.input("events", flow, KafkaSource([bootstrap], [input_topic], tail=False))
    keyed = op.flat_map_batch("key", records, lambda batch: [(one.key.decode(), one) for one in batch])
    folded = op.stateful_batch("fold", keyed, lambda state: Customer(step, state))
    # The sink flushes after every batch, so lingering would only delay it.
    producer = {"partitioner": "murmur2_random", "compression.type": "lz4", "linger.ms": "0"}
    op.output("actions", op.key_rm("value", folded), KafkaSink([bootstrap], f"{prefix}actions", producer))
    return flow


def main() -> None:
    bootstrap, input_topic, prefix, directory = sys.argv[1:]
    recovery = Path(directory) / "state"
    recovery.mkdir()
    init_db_dir(recovery, 1)
    cli_main(
        create_flow(bootstrap, input_topic, prefix, Path(directory)),
        recovery_config=RecoveryConfig(str(recovery)),
    )


if __name__ == "__main__":
    main()
