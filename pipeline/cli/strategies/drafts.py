"""Drafts in the place of what is active, as if they had been published."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.cli.common import stop
from pipeline.cli.rules import stop_for
from pipeline.domain.releases import StrategyRelease, StrategyRollout
from pipeline.domain.strategies.catalogue import Catalogue
from pipeline.domain.strategies.compile import compile_strategy
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.problems import Problem

_BY = "simulate"


def drafted_or_stop(catalogue: Catalogue, drafts: Mapping[str, str]) -> tuple[Rules, Rules, frozenset[str]]:
    """The rules of the catalogue without and with the drafts (file → text), and the ids of those.

    Exit 2 with a line for every mistake in a draft. The kill switch stops neither side.
    """
    active, tried = catalogue.copy(), catalogue.copy()
    active.switch = tried.switch = None
    found: dict[str, str] = {}
    problems: list[Problem] = []
    brand = active.rules().brand
    for file, text in drafts.items():
        strategy = compile_strategy(text, file, brand)
        if isinstance(strategy, list):
            problems += strategy
        elif strategy.id in found:
            stop(f"{file}: {found[strategy.id]} is a draft of {strategy.id} too; name one of them")
        else:
            found[strategy.id] = file
            problems += _put_in(tried, strategy.id, strategy.version, text)
    if problems:
        stop_for(problems)
    return active.rules(), tried.rules(), frozenset(found)


def _put_in(catalogue: Catalogue, strategy_id: str, version: int, text: str) -> list[Problem]:
    """Have everybody get this version; what speaks against it."""
    release = StrategyRelease(
        strategy_id=strategy_id, version=version, author=_BY, released_at=0, definition=text
    )
    rollout = StrategyRollout(
        strategy_id=strategy_id, stage="active", version=version, changed_by=_BY, changed_at=0
    )
    refused = (catalogue.take(record.key, record) for record in (release, rollout))
    return [problem for problem in refused if problem is not None][:1]
