"""Throughline's side: a Faust agent and a table on `pipeline.runtime`, with the settings of any worker.

`python -m benchmarks.fold_ours BOOTSTRAP INPUT_TOPIC PREFIX DIRECTORY`, run by `benchmarks.measure`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.started import Started
from benchmarks.workload import STAGE, State, fold
from pipeline.agents.outlet import Cause, Outlet
from pipeline.app import run_worker, wall_clock
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.observe.logs import configure_logs
from pipeline.runtime.app import App
from pipeline.runtime.batch import Batch
from pipeline.settings import Settings, load_settings
from pipeline.wire.codec import Codec


def create_app(settings: Settings, input_topic: str, started: Started) -> App:
    """The worker's app: one agent that folds `input_topic` into the table of customers."""
    app = App(settings, driver_topic=input_topic, clock=wall_clock)
    outlet = Outlet(Codec(), settings.topic_prefix, STAGE, wall_clock)
    customers = app.Table("sessions", value_type=State)

    @app.agent(app.topic(input_topic, value_type=bytes), name="fold")
    async def fold_batches(batches: Any) -> None:
        async for batch in batches:
            started()
            fold_batch(batch)

    def fold_batch(batch: Batch) -> None:
        states = customers.partition(batch.partition)

        def one(event: Interaction, cause: Cause) -> None:
            state, action = fold(states.get(event.key), event)
            states.put(event.key, state)
            if action is not None:
                outlet.send(batch.checkpoint, action, cause)

        outlet.read(batch, one, Interaction)

    return app


def main() -> None:
    bootstrap, input_topic, prefix, directory = sys.argv[1:]
    settings = load_settings(
        bootstrap=bootstrap,
        topic_prefix=prefix,
        group=prefix.rstrip("."),
        worker_id="benchmark",
        state_dir=Path(directory) / "state",
        log_level="warning",
    )
    if isinstance(settings, Failure):
        sys.exit(settings.message)
    configure_logs(settings.log_level, settings.log_format)
    uvloop.install()
    failure = run_worker(create_app(settings, input_topic, Started(Path(directory) / "started")))
    if failure is not None:
        sys.exit(failure)


if __name__ == "__main__":
    main()
