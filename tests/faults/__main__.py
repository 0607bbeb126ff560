"""`python -m tests.faults`: play the fault campaign on a broker of its own; writes REPORT.md."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console

from pipeline.local.broker import Broker, BrokerError
from pipeline.runtime.publisher import PublishError
from tests.faults.campaign import Fault, Outcome, play
from tests.faults.deployment import FaultError
from tests.faults.faults import FAULTS
from tests.faults.kept import Kept
from tests.faults.report import markdown, table

REPORT = Path(__file__).with_name("REPORT.md")
KEPT = Path(__file__).with_name("outcomes.jsonl")
COMMAND = "make faults"
_err = Console(stderr=True, highlight=False)


def campaign(
    faults: list[Fault], runs: int | None, seed: int, broker: Broker, kept: Kept
) -> tuple[list[Outcome], list[str]]:
    """Play these faults, each as often as it says or `runs` times: the outcomes, and what went wrong."""
    outcomes: list[Outcome] = []
    problems: list[str] = []
    for fault in faults:
        left = runs or fault.runs
        while left > 0:
            strikes = min(left, fault.together)
            left -= strikes
            seed += 1
            if (before := kept.outcome(fault, seed)) is not None:
                outcomes.append(before)
                continue
            began = time.monotonic()
            try:
                outcome = play(fault, strikes, broker, seed, _tell)
            except (FaultError, PublishError, BrokerError, KafkaException) as error:
                wrong = [str(error)]
            else:
                outcomes.append(outcome)
                wrong = outcome.problems
                if not wrong:
                    kept.add(seed, outcome)
            problems += [f"{fault.name} (seed {seed}): {what}" for what in wrong]
            _tell(f"{fault.name}: {'; '.join(wrong) or 'as it must be'} ({time.monotonic() - began:.0f} s)")
    return outcomes, problems


def _tell(line: str) -> None:
    _err.print(f"{time.strftime('%H:%M:%S')} {line}", markup=False)


def main(
    only: Annotated[list[str] | None, typer.Option(help="Only faults whose names contain this.")] = None,
    runs: Annotated[int | None, typer.Option(min=1, help="Runs of each fault instead of its own.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of traffic and faults.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Where the report goes instead.")] = None,
    resume: Annotated[bool, typer.Option(help="Play only what was not reached, or was not right.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Show the faults and play none.")] = False,
) -> None:
    """Play every fault, compare with the oracle, and write tests/faults/REPORT.md.

    Ends with 1 when anything was lost, repeated or different, or when a fault hit nothing.
    """
    chosen = [fault for fault in FAULTS if not only or any(part in fault.name for part in only)]
    if show:
        for fault in chosen:
            typer.echo(f"{fault.runs:4} {fault.name}")
        return
    if not chosen:
        _err.print(f"no fault is called {', '.join(only or ())}: see --list", markup=False)
        raise typer.Exit(2)
    _tell("starting a Kafka broker")
    kept = Kept(KEPT, resume)
    with Broker() as broker:
        outcomes, problems = campaign(chosen, runs, seed, broker, kept)
    if outcomes:
        Console(width=140).print(table(outcomes))
        target = report if only or runs else report or REPORT
        if target:
            target.write_text(markdown(outcomes, COMMAND, seed), encoding="utf-8")
    if not problems:
        kept.drop()
    for problem in problems:
        _err.print(problem, markup=False)
    raise typer.Exit(1 if problems else 0)


if __name__ == "__main__":
    typer.run(main)
