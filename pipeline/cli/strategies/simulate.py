"""`throughline strategies simulate`: drafts on what customers really did, beside what is active."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pipeline.channels import customers as customer_files
from pipeline.cli.common import FAILED, AsJson, Bootstrap, err, out, settings_or_stop, stop
from pipeline.cli.strategies.drafts import drafted_or_stop
from pipeline.cli.strategies.files import texts_or_stop
from pipeline.cli.strategies.given import BrandFile, CircumstancesFile, active_texts, rules_or_stop
from pipeline.cli.strategies.range import Since, Until, time_or_stop
from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.strategies.catalogue import Catalogue
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.fields import duration_ms
from pipeline.local.simulation.chart import write_chart
from pipeline.local.simulation.play import Simulation
from pipeline.local.simulation.play import simulate as played
from pipeline.local.simulation.report import SENT, as_values, print_report, rows
from pipeline.pack import load_recogniser
from pipeline.wire.container import Container, ContainerError, open_container


def simulate(
    drafts: Annotated[list[Path], typer.Argument(metavar="DRAFT...", help="Strategy files, or directories.")],
    events: Annotated[
        Path | None, typer.Option(help="Avro file of interactions, as `strategies record` writes it.")
    ] = None,
    topic: Annotated[
        bool, typer.Option("--topic", help="Read the interactions, and customers, from the topics instead.")
    ] = False,
    since: Since = None,
    until: Until = None,
    active: Annotated[
        list[Path] | None,
        typer.Option(
            help="Active strategy file, or a directory of them; may be repeated. If not given, what is published"
            " where --topic or --bootstrap is, else the shipped pack."
        ),
    ] = None,
    customers: Annotated[
        Path | None,
        typer.Option(
            help="Customers of the system of record: .csv, .json, .jsonl, or .avro of `strategies record`."
        ),
    ] = None,
    brand: BrandFile = None,
    circumstances: CircumstancesFile = None,
    wait: Annotated[
        str, typer.Option(help="How long time goes on after the last event, for steps that wait.")
    ] = "1d",
    bootstrap: Bootstrap = None,
    chart: Annotated[Path | None, typer.Option(help="SVG file to draw what would be sent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what drafts would have done on recorded interactions, and how that differs from what is active.

    Nothing is published, whatever is given. Who a customer was before the recording is not known, but for what
    --customers says. A draft takes the place of the active strategy of its name.
    """
    if (events is None) is not topic:
        stop("say where the interactions are: either --events FILE or --topic")
    if events is not None and (since or until):
        stop("--from and --to belong to --topic; a file is played whole")
    settings = settings_or_stop(bootstrap=bootstrap, brand=brand)
    base = rules_or_stop(active_texts(settings, active or []), settings, circumstances)
    published = active is None and (topic or bootstrap is not None)
    catalogue = _brokers().published_or_stop(settings, base) if published else Catalogue(base)
    *rules, compared = drafted_or_stop(catalogue, texts_or_stop(drafts))
    wait_ms = _duration_or_stop("--wait", wait)
    with tempfile.TemporaryDirectory(prefix="throughline-simulation-") as directory:
        if events is None:
            span = time_or_stop("--from", since), time_or_stop("--to", until)
            events = Path(directory) / "events.avro"
            known = Path(directory) / "customers.avro" if customers is None else None
            _brokers().recorded_or_stop(settings, events, span, known, as_json)
            customers = customers or known
        simulation = _played_or_stop(events, customers, (rules[0], rules[1]), compared, wait_ms, as_json)
    if chart is not None:
        _draw_or_stop(chart, simulation, compared)
    if as_json:
        typer.echo(json.dumps(as_values(simulation, compared), ensure_ascii=False))
    else:
        print_report(simulation, compared, out)


def _brokers() -> ModuleType:
    # Who plays files needs no Kafka client, and gets none.
    from pipeline.cli.strategies import brokers  # noqa: PLC0415

    return brokers


def _played_or_stop(
    events: Path,
    customers: Path | None,
    rules: tuple[Rules, Rules],
    compared: frozenset[str],
    wait_ms: int,
    quiet: bool,
) -> Simulation:
    recogniser = load_recogniser()
    if isinstance(recogniser, Failure):
        stop(recogniser.message, FAILED)
    try:
        recording = _opened_or_stop(events, Interaction)
        profiles = [] if customers is None else _profiles_or_stop(customers)
        progress = _quietly if quiet else _shown
        return played(recording, profiles, rules, compared, progress, wait_ms, recogniser)
    except ContainerError as error:
        stop(str(error))


def _opened_or_stop(file: Path, kind: type[Interaction] | type[Profile]) -> Container:
    container = open_container(file, kind)
    if isinstance(container, Failure):
        stop(container.message)
    return container


def _profiles_or_stop(file: Path) -> list[Profile]:
    """The profiles in a file; rows that cannot be read are named, as when they are imported."""
    if file.suffix == ".avro":
        return list(_opened_or_stop(file, Profile).values())
    media_type = customer_files.MEDIA_TYPES.get(file.suffix)
    if media_type is None:
        stop(f"{file}: the name must end in .avro, {', '.join(customer_files.MEDIA_TYPES)}")
    try:
        found = customer_files.read(file.read_bytes(), media_type)
    except OSError as error:
        stop(f"{file}: {error.strerror}; name a file that can be read")
    for one in found:
        if isinstance(one, Failure):
            err.print(f"{file}: {one.code}: {one.message}", markup=False)
    return [one for one in found if isinstance(one, Profile)]


def _duration_or_stop(option: str, text: str) -> int:
    try:
        return int(duration_ms(text))
    except ValueError as error:
        stop(f"{option} {text}: {error}")


def _draw_or_stop(chart: Path, simulation: Simulation, compared: frozenset[str]) -> None:
    sent = [row for row in rows(simulation, compared) if row.what.endswith(SENT)]
    title = f"What {', '.join(sorted(compared))} would send, of {simulation.events:,} events"
    try:
        write_chart(chart, title, sent)
    except OSError as error:
        stop(f"{chart}: {error.strerror}; name a file that can be written")


@contextmanager
def _shown(title: str, size: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=size)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def _quietly(title: str, size: int) -> Iterator[Callable[[int], None]]:
    yield lambda done: None
