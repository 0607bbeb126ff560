"""The strategies, the brand and the model of intents that ship with Throughline, and reading such a pack."""

from __future__ import annotations

from pathlib import Path

from pipeline.domain.failures import Failure
from pipeline.domain.linear_model import LinearModel, load
from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.problems import Problem

STRATEGIES = Path(__file__).parent / "strategies"
BRAND = Path(__file__).parent / "brand.yaml"
INTENTS = Path(__file__).parent / "intents"
INTENT_MODEL = INTENTS / "model.json.gz"


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


def load_recogniser(path: Path = INTENT_MODEL) -> LinearModel | Failure:
    """The model of intents in a file; a Failure names the file and what is wrong with it."""
    try:
        model = load(path.read_bytes())
    except OSError as error:
        return Failure("no_model", f"{path} cannot be read: {error.strerror}")
    return Failure(model.code, f"{path} {model.message}") if isinstance(model, Failure) else model
