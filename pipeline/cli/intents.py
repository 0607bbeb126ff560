"""`throughline intents`: what customers want, read from their words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.app import wire_intents
from pipeline.cli.common import AsJson, Bootstrap, out, settings_or_stop, stop
from pipeline.cli.running import run_or_stop
from pipeline.domain.failures import Failure
from pipeline.domain.intents import UNKNOWN
from pipeline.domain.linear_model import Document, LinearModel, plain
from pipeline.pack import INTENT_MODEL, INTENTS, load_recogniser

intents = typer.Typer(
    no_args_is_help=True, help="Intents: what customers want, read from their words; train, try and run."
)

Model = Annotated[Path, typer.Option(help="The model's file.")]


@intents.command()
def run(bootstrap: Bootstrap = None, model: Model = INTENT_MODEL) -> None:
    """Read from every event what its customer wants, beside the workers, until Ctrl-C or SIGTERM.

    The workers take it into the customer's thread, as `thread.intent`. They wait for nothing: without this process
    threads have no intent, and all else is the same. What was written meanwhile is read when it runs again.
    """
    settings = settings_or_stop(bootstrap=bootstrap)
    recogniser = _model_or_stop(model)
    run_or_stop(settings, lambda: wire_intents(settings, recogniser))


@intents.command()
def train(
    examples: Annotated[Path, typer.Option(help="Directory of example files (*.yaml).")] = INTENTS,
    model: Model = INTENT_MODEL,
) -> None:
    """Learn the model from examples, and measure it on examples that it has not seen.

    A file of examples holds texts of one language by intent: `language: en`, `intents: {wrong_size: ["it is too
    small", …], unknown: […]}`. REPORT.md beside the model has the figures. The same examples give the same file.
    Needs scikit-learn (`pip install "throughline[train]"`); nothing else does.
    """
    try:
        from pipeline.intents.making import make  # noqa: PLC0415 (only this command has to have scikit-learn)
    except ModuleNotFoundError as error:
        if error.name != "sklearn":
            raise
        stop('training needs scikit-learn; install it with: pip install "throughline[train]"')
    made = make(examples)
    if isinstance(made, Failure):
        stop(made.message)
    try:
        model.write_bytes(made.file)
        (model.parent / "REPORT.md").write_text(made.report, encoding="utf-8")
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}; name a file that can be written with --model")
    out.print(made.report, markup=False, end="")


@intents.command()
def classify(
    text: Annotated[str, typer.Argument(help="What a customer writes or says.")],
    model: Model = INTENT_MODEL,
    as_json: AsJson = False,
) -> None:
    """Tell what the model reads in a text, and how sure it is; below its threshold the text is unknown."""
    recogniser = _model_or_stop(model)
    surest = recogniser.surest(Document(plain(text)))
    sure = recogniser.sure(surest)
    if as_json:
        told = {
            "intent": sure.intent if sure else None,
            "surest": surest.intent if surest else None,
            "confidence": round(surest.confidence, 4) if surest else 0.0,
            "threshold": recogniser.threshold,
            "model": recogniser.name,
        }
        out.print(json.dumps(told), markup=False)
    elif sure is not None:
        out.print(f"{sure.intent} ({sure.confidence:.0%})", markup=False)
    elif surest is None or surest.intent == UNKNOWN:
        out.print("unknown", markup=False)
    else:
        out.print(
            f"unknown (perhaps {surest.intent}, {surest.confidence:.0%};"
            f" told from {recogniser.threshold:.0%} on)",
            markup=False,
        )


def _model_or_stop(path: Path) -> LinearModel:
    model = load_recogniser(path)
    if isinstance(model, Failure):
        stop(f"{model.message}; make one with `throughline intents train`")
    return model
