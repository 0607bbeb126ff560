"""From a directory of examples to a model's file and a report on it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pipeline.domain.failures import Failure
from pipeline.domain.linear_model import dump, load
from pipeline.intents.examples import read_examples
from pipeline.intents.report import Figures, measure, report
from pipeline.intents.training import train


class Made(NamedTuple):
    """The model's file, what it is worth, and that in words (Markdown)."""

    file: bytes
    figures: Figures
    report: str


def make(directory: Path) -> Made | Failure:
    """Learn from the examples of a directory, and measure the model as it is read from its file."""
    split = read_examples(directory)
    if isinstance(split, Failure):
        return split
    trained = train(split)
    file = dump(trained.parameters)
    model = load(file)
    if isinstance(model, Failure):
        return model
    figures = measure(trained, model, split.held_out)
    return Made(file, figures, report(split, trained, model, figures, len(file)))
