"""The strategies and the brand, for the commands that need them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import typer

from pipeline.cli.common import WRONG_USE, err, stop
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.problems import Problem
from pipeline.pack import BRAND, STRATEGIES, load_rules
from pipeline.settings import Settings


def rules_or_stop(settings: Settings) -> Rules:
    """The rules of the files that the settings name, or exit 2 with a line for every mistake in them."""
    directory = settings.strategies or STRATEGIES
    rules = load_rules(directory, settings.brand or BRAND)
    if isinstance(rules, Rules):
        if not rules.strategies:
            stop(f"{directory}: no strategy file (*.yaml) is there; name a directory that has some")
        return rules
    stop_for(rules)


def stop_for(problems: Iterable[Problem]) -> NoReturn:
    """Exit 2 with a line for every problem."""
    for problem in problems:
        err.print(str(problem), markup=False)
    raise typer.Exit(WRONG_USE)
