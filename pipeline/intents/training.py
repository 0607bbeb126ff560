"""Learning a linear model of intents: settings by the development examples, figures by those held out."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from pipeline.domain.intents import UNKNOWN
from pipeline.domain.linear_model import CHARACTERS, WORDS, Block, Parameters
from pipeline.intents.examples import Example, Split

STRENGTHS = (10.0, 30.0, 100.0)
"""How far the weights may go to fit the examples: the values of `C` that are tried."""
WRONG_COSTS = 2
"""A wrong intent does as much harm as so many right ones do good: with that in mind the threshold is chosen."""
COPIES = 8
"""A behaviour counts as much as so many texts: of each there is only one example."""
STEP = 1 / 64
"""The weights are rounded to multiples of this."""
ITERATIONS = 300

_text_of = attrgetter("text")
_behaviour_of = attrgetter("behaviour")


class Trained(NamedTuple):
    """The model as scikit-learn has it and as it is kept, and the settings that were chosen."""

    pipeline: Pipeline
    parameters: Parameters
    strength: float


def train(split: Split) -> Trained:
    """Choose the settings on the development examples, then learn from those and the training examples."""
    candidates = [(strength, _fit([*split.train, *split.behaviours], strength)) for strength in STRENGTHS]
    strength, fitted = max(candidates, key=lambda one: _right(one[1], split.development))
    threshold = _threshold(fitted, split.development)
    final = _fit([*split.train, *split.development, *split.behaviours], strength)
    return Trained(final, _parameters(final, threshold), strength)


def _fit(examples: Sequence[Example], strength: float) -> Pipeline:
    """scikit-learn's pipeline, fitted. `plain` has done already what its preprocessors would do."""
    read: dict[str, Any] = {"preprocessor": _text_of, "sublinear_tf": True}
    features = [
        ("words", TfidfVectorizer(ngram_range=WORDS, **read)),
        ("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=CHARACTERS, min_df=2, **read)),
    ]
    if any(one.document.behaviour for one in examples):
        features.append(("behaviour", TfidfVectorizer(analyzer=_behaviour_of, sublinear_tf=True)))
    pipeline = Pipeline(
        [
            ("features", FeatureUnion(features)),
            # There are more texts that are unknown than of any intent.
            ("model", LogisticRegression(C=strength, class_weight="balanced", max_iter=ITERATIONS)),
        ]
    )
    copied = [one for one in examples for _ in range(1 if one.language else COPIES)]
    pipeline.fit([one.document for one in copied], [one.intent for one in copied])
    return pipeline


def _right(pipeline: Pipeline, examples: Sequence[Example]) -> int:
    answers = pipeline.predict([one.document for one in examples])
    return sum(answer == one.intent for answer, one in zip(answers, examples, strict=True))


def _threshold(pipeline: Pipeline, examples: Sequence[Example]) -> float:
    """The confidence above which answers do the most good; of several such, the lowest."""
    names = list(pipeline.classes_)
    answers: list[tuple[float, int]] = []
    for example, row in zip(
        examples, pipeline.predict_proba([one.document for one in examples]), strict=True
    ):
        best = max(range(len(names)), key=row.__getitem__)
        if names[best] != UNKNOWN:
            answers.append((float(row[best]), 1 if names[best] == example.intent else -WRONG_COSTS))

    def good(threshold: float) -> int:
        return sum(worth for confidence, worth in answers if confidence >= threshold)

    return max((percent / 100 for percent in range(5, 96)), key=good)


def _parameters(pipeline: Pipeline, threshold: float) -> Parameters:
    """What was learnt, the weights rounded."""
    features, model = pipeline.named_steps["features"], pipeline.named_steps["model"]
    whole = array("h", [round(weight / STEP) for row in model.coef_.T for weight in row])
    if sys.byteorder == "big":
        whole.byteswap()
    blocks = {"behaviour": Block([], [])}
    blocks |= {name: _block(vectorizer) for name, vectorizer in features.transformer_list}
    return Parameters(
        intents=[str(name) for name in model.classes_],
        threshold=threshold,
        biases=[round(float(bias), 6) for bias in model.intercept_],
        step=STEP,
        weights=whole.tobytes(),
        **blocks,
    )


def _block(vectorizer: TfidfVectorizer) -> Block:
    return Block(
        terms=[str(term) for term in vectorizer.get_feature_names_out()],
        idf=[round(float(idf), 5) for idf in vectorizer.idf_],
    )
