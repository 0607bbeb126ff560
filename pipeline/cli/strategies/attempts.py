"""Counting a strategy's attempts in flight, page by page, over the partitions of all workers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pipeline.api.client import Client
from pipeline.cli.asking import answer_or_stop
from pipeline.cli.strategies.options import progress
from pipeline.domain.releases import StrategyRelease
from pipeline.domain.strategies.forms import validated
from pipeline.domain.strategies.language import StrategyFile
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import read
from pipeline.domain.tallies import Tallies, add_all
from pipeline.observe.clock import wall_clock


def attempts_or_stop(
    client: Client, partitions: int, versions: Mapping[int, StrategyRelease], quiet: bool
) -> Tallies:
    """The attempts in flight of a strategy with these versions; exit 1 when a worker does not answer.

    One that is older than any version lets it become is over, though its customer has not come back since.
    """
    begun_after = wall_clock() - max(_lifetime_ms(one) for one in versions.values())
    strategy_id = next(iter(versions.values())).strategy_id
    tallies: Tallies = {}
    for number in progress(range(partitions), "Counting", quiet):
        add_all(tallies, _of_partition(client, number, strategy_id, begun_after))
    return tallies


def _of_partition(client: Client, number: int, strategy_id: str, begun_after: int) -> Tallies:
    tallies: Tallies = {}
    after: str | None = ""
    while after is not None:
        found = client.ask(
            "partitions", str(number), "attempts", strategy_id, after=after, begun_after=begun_after
        )
        page = answer_or_stop(found)
        add_all(tallies, msgspec.convert(page["versions"], Tallies, strict=False))
        after = page["next"]
    return tallies


def _lifetime_ms(release: StrategyRelease) -> int:
    """How long an attempt lasts at most; for ever by a definition that is no longer a valid one."""
    source = read(release.definition, release.key)
    form = None if isinstance(source, Problem) else validated(source, StrategyFile)
    return form.lifetime if isinstance(form, StrategyFile) else wall_clock()
