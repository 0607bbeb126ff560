"""What the model is worth: figures on the examples that were held out, in Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.domain.intents import UNKNOWN
from pipeline.domain.linear_model import LinearModel
from pipeline.intents.examples import Example, Split
from pipeline.intents.training import COPIES, WRONG_COSTS, Trained

WORST = 5


class Figures(NamedTuple):
    """Shares, 0 to 1, on held-out examples.

    `accuracy` is that of the surest answer, whatever its confidence, over the texts that have an intent;
    `by_language` and `by_intent` the same of some of them, and `exact` of the weights before they were rounded.
    `covered` is how many of these texts are given an intent at the threshold, `right` how many of those the right
    one; `unknown` is how many of the unknown texts are given none.
    """

    accuracy: float
    exact: float
    by_language: dict[str, float]
    by_intent: dict[str, float]
    covered: float
    right: float
    unknown: float


def measure(trained: Trained, model: LinearModel, examples: Sequence[Example]) -> Figures:
    """The figures on these examples, none of which the model may have learnt from."""
    known = [one for one in examples if one.intent != UNKNOWN]
    exact = trained.pipeline.predict([one.document for one in known])
    hits: list[bool] = []
    told: list[bool] = []
    by_language: dict[str, list[bool]] = defaultdict(list)
    by_intent: dict[str, list[bool]] = defaultdict(list)
    for example in known:
        found = model.surest(example.document)
        hit = found is not None and found.intent == example.intent
        hits.append(hit)
        by_language[example.language].append(hit)
        by_intent[example.intent].append(hit)
        if model.sure(found) is not None:
            told.append(hit)
    unknown = [model.sure(model.surest(one.document)) is None for one in examples if one.intent == UNKNOWN]
    return Figures(
        accuracy=_share(hits),
        exact=_share([answer == one.intent for answer, one in zip(exact, known, strict=True)]),
        by_language={name: _share(found) for name, found in sorted(by_language.items())},
        by_intent={name: _share(found) for name, found in by_intent.items()},
        covered=len(told) / len(known) if known else 0.0,
        right=_share(told),
        unknown=_share(unknown),
    )


def report(split: Split, trained: Trained, model: LinearModel, figures: Figures, size: int) -> str:
    """The figures in words; `size` is that of the model's file in bytes."""
    languages = ", ".join(f"{name} {share:.1%}" for name, share in figures.by_language.items())
    ordered = sorted(figures.by_intent.items(), key=lambda item: (item[1], item[0]))
    worst = ", ".join(f"`{name}` {share:.0%}" for name, share in ordered[:WORST])
    learnt, chosen, held_out = len(split.train), len(split.development), len(split.held_out)
    return f"""# The model of intents

Written by `throughline intents train`. `{model.name}`: {len(model.intents) - 1} intents and what is none of them;
{size:,} bytes.

{learnt + chosen + held_out:,} texts, made up for this purpose. By its hash each is in one of three parts, and
texts that are nearly the same are in the same one: {learnt:,} to learn from, {chosen:,} to choose settings by,
{held_out:,} held out. The model that is kept has learnt from the first two. Chosen: C = {trained.strength:g}, and a
threshold of {model.threshold:.2f}, where a wrong intent does as much harm as {WRONG_COSTS} right ones do good.
{len(split.behaviours)} behaviours (`form=return`) are learnt as {COPIES} texts each; no figure is measured on them.

On the texts held out:

| | |
|---|---:|
| the surest intent is right | {figures.accuracy:.1%} ({languages}) |
| … before the weights were rounded | {figures.exact:.1%} |
| surer than the threshold | {figures.covered:.1%} |
| … and right | {figures.right:.1%} |
| unknown texts that stay unknown | {figures.unknown:.1%} |

Worst: {worst}.
"""


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found) if found else 0.0
