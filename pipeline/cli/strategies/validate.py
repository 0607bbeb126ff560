"""`throughline strategies validate`: strategy files, before anybody relies on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pipeline.cli.common import WRONG_USE, AsJson, out, settings_or_stop
from pipeline.cli.rules import stop_for
from pipeline.cli.strategies.files import texts_or_stop
from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.problems import Problem
from pipeline.pack import BRAND, STRATEGIES


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Strategy files; the shipped pack if none is given."),
    ] = None,
    brand: Annotated[Path | None, typer.Option(help="Brand file; the shipped one if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check strategy files and the brand file; every mistake is named with file, line and column.

    They are checked together, as by a worker that is given them: strategies that start each other over and over
    are a mistake too. Exit code 2 when there is any.
    """
    settings = settings_or_stop(brand=brand)
    file = settings.brand or BRAND
    texts = texts_or_stop(paths or [settings.strategies or STRATEGIES])
    rules = compile_rules(texts, texts_or_stop([file])[str(file)], str(file))
    if as_json:
        _print_json(rules)
    elif isinstance(rules, list):
        stop_for(rules)
    else:
        count = len(rules.strategies)
        out.print("1 strategy is valid" if count == 1 else f"{count} strategies are valid")


def _print_json(rules: Rules | list[Problem]) -> None:
    problems = rules if isinstance(rules, list) else []
    strategies = [] if isinstance(rules, list) else rules.strategies.values()
    valid = [{"strategy": one.id, "version": one.version, "title": one.title} for one in strategies]
    out.print(json.dumps({"valid": valid, "problems": msgspec.to_builtins(problems)}), markup=False)
    if problems:
        raise typer.Exit(WRONG_USE)
