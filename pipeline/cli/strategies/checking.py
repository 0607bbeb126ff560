"""Whether workers could run what is to be told, found out as they do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.cli.rules import stop_for
from pipeline.cli.strategies.options import progress
from pipeline.domain.releases import KillSwitch, StrategyRecord
from pipeline.domain.strategies.catalogue import Catalogue
from pipeline.domain.strategies.compiled import Rules, Strategy
from pipeline.domain.strategies.loops import loops
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.register import Entry, Register


def accepted_or_stop(base: Rules, register: Register, records: Sequence[StrategyRecord]) -> None:
    """Exit 2 with a line for everything that workers, with the files' strategies in `base`, would refuse of it."""
    concerned = {one.strategy_id for one in records if not isinstance(one, KillSwitch)}
    known = [entry for entry in register.entries.values() if entry.key.partition("@")[0] in concerned]
    catalogue = _catalogue(base, known)
    for record in records:
        catalogue.take(record.key, record)
    refused = [catalogue.refused[one.key] for one in records if one.key in catalogue.refused]
    if refused:
        stop_for(refused)


def harmless_or_stop(base: Rules, register: Register, drafts: Mapping[str, Strategy], quiet: bool) -> None:
    """Exit 2 with a line for every circle in which drafts (by their files), and what runs beside them, would start
    each other over and over.
    """
    known = progress(register.entries.values(), "Comparing with what runs", quiet)
    running = dict(_catalogue(base, known).rules().strategies)
    before = {loop.message for loop in loops(running.values())}
    files = {strategy.id: file for file, strategy in drafts.items()}
    found = loops((running | {one.id: one for one in drafts.values()}).values())
    remedy = "give it caps, or a key that stays the same"
    problems = [
        Problem(files.get(loop.strategy.id, loop.strategy.id), 0, 0, loop.message, remedy)
        for loop in found
        if loop.message not in before
    ]
    if problems:
        stop_for(problems)


def _catalogue(base: Rules, entries: Iterable[Entry]) -> Catalogue:
    catalogue = Catalogue(base)
    for entry in entries:
        catalogue.take(entry.key, entry.value)
    return catalogue
