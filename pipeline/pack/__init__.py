"""The strategies and the brand that ship with Throughline, and reading such a pack from a directory."""

from __future__ import annotations

from pathlib import Path

from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.problems import Problem

STRATEGIES = Path(__file__).parent / "strategies"
BRAND = Path(__file__).parent / "brand.yaml"


def load_rules(strategies: Path = STRATEGIES, brand: Path = BRAND) -> Rules | list[Problem]:
    """The rules in a directory of strategy files (`*.yaml`) and a brand file, or all that is wrong with
    them.
    """
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for path in [brand, *sorted(strategies.glob("*.yaml"))]:
        try:
            texts[str(path)] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            problems.append(
                Problem(str(path), 0, 0, f"cannot be read: {reason}", "check the path and the file")
            )
    if not strategies.is_dir():
        problems.append(
            Problem(str(strategies), 0, 0, "is not a directory", "name the one with the strategies")
        )
    if problems:
        return problems
    return compile_rules(texts, texts.pop(str(brand)), str(brand))
