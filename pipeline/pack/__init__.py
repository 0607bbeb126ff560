"""The strategies, the brand and the model of intents that ship with Throughline, and reading such a pack."""

from __future__ import annotations

from collections.abc import Iterable
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
    if not strategies.is_dir():
        return [Problem(str(strategies), 0, 0, "is not a directory", "name the one with the strategies")]
    texts = read_texts([brand, *files_in(strategies)])
    if isinstance(texts, list):
        return texts
    return compile_rules(texts, texts.pop(str(brand)), str(brand))


def files_in(strategies: Path) -> list[Path]:
    """The strategy files in a directory, by name."""
    return sorted(strategies.glob("*.yaml"))


def read_texts(files: Iterable[Path]) -> dict[str, str] | list[Problem]:
    """The texts of files by their names, or what keeps any of them from being read."""
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            texts[str(file)] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            problems.append(
                Problem(str(file), 0, 0, f"cannot be read: {reason}", "check the path and the file")
            )
    return problems or texts


def load_recogniser(path: Path = INTENT_MODEL) -> LinearModel | Failure:
    """The model of intents in a file; a Failure names the file and what is wrong with it."""
    try:
        model = load(path.read_bytes())
    except OSError as error:
        return Failure("no_model", f"{path} cannot be read: {error.strerror}")
    return Failure(model.code, f"{path} {model.message}") if isinstance(model, Failure) else model
