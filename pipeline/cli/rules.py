"""The strategies and the brand, for the commands that need them."""

from __future__ import annotations

import typer

from pipeline.cli.common import WRONG_USE, err
from pipeline.domain.strategies.compiled import Rules
from pipeline.pack import BRAND, STRATEGIES, load_rules
from pipeline.settings import Settings


def rules_or_stop(settings: Settings) -> Rules:
    """The rules of the files that the settings name, or exit 2 with a line for every mistake in them."""
    rules = load_rules(settings.strategies or STRATEGIES, settings.brand or BRAND)
    if isinstance(rules, Rules):
        return rules
    for problem in rules:
        err.print(str(problem), markup=False)
    raise typer.Exit(WRONG_USE)
