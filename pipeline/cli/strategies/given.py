"""The strategies, brand and circumstances that a trial is given, as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.rules import stop_for
from pipeline.cli.strategies.files import texts_or_stop
from pipeline.domain.circumstances import load_circumstances
from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Rules
from pipeline.pack import BRAND, STRATEGIES
from pipeline.settings import Settings

BrandFile = Annotated[Path | None, typer.Option("--brand", help="Brand file; the shipped one if not given.")]
CircumstancesFile = Annotated[
    Path | None, typer.Option("--circumstances", help="File of circumstances; none if not given.")
]


def active_texts(settings: Settings, paths: Iterable[Path]) -> dict[str, str]:
    """The strategy files named, else those of the settings, else the shipped ones; exit 2 if one cannot be read."""
    return texts_or_stop(paths or [settings.strategies or STRATEGIES])


def rules_or_stop(texts: Mapping[str, str], settings: Settings, circumstances: Path | None) -> Rules:
    """The rules of strategy files (name → text), the settings' brand and a file of circumstances, or exit 2 with a
    line for every mistake in them.
    """
    brand = settings.brand or BRAND
    rules = compile_rules(texts, texts_or_stop([brand])[str(brand)], str(brand))
    if isinstance(rules, list):
        stop_for(rules)
    if circumstances is not None:
        declared = load_circumstances(texts_or_stop([circumstances])[str(circumstances)], str(circumstances))
        if isinstance(declared, list):
            stop_for(declared)
        rules.circumstances = declared
    return rules
