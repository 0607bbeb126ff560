"""A linear model of what customers want: n-grams of words and of characters, weighed by how rare they are, and what
the customer did.

It computes what scikit-learn's `TfidfVectorizer` and `LogisticRegression` do, in plain Python and from a file that
holds nothing but numbers and texts. It is made by `pipeline.intents`.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import re
import sys
import unicodedata
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import msgspec

from pipeline.domain.failures import Failure
from pipeline.domain.intents import UNKNOWN, Recognition
from pipeline.domain.interactions import Interaction

TEXT_CHARACTERS = 2_000
"""How much of a text is read."""
WORDS, CHARACTERS = (1, 2), (3, 5)
"""The shortest and the longest n-grams, in words and in characters."""

_WORD = re.compile(r"\b\w\w+\b")
_DIGIT = re.compile(r"\d")


class Document(NamedTuple):
    """What the model sees of an event: the text as `plain` makes it, and tokens such as `form=return`."""

    text: str
    behaviour: tuple[str, ...] = ()


class Block(msgspec.Struct):
    """The terms of one kind that the model knows, and for each how rare it is (inverse document frequency)."""

    terms: list[str]
    idf: list[float]


class Parameters(msgspec.Struct):
    """What was learnt. Below `threshold` an intent is not told.

    `weights` are whole numbers of 16 bits (little endian) in units of `step`: for each term, of words, then of
    characters, then of behaviour, one for each of `intents`.
    """

    intents: list[str]
    threshold: float
    biases: list[float]
    step: float
    weights: bytes
    words: Block
    characters: Block
    behaviour: Block


class LinearModel:
    """A recogniser (see `pipeline.domain.intents`) with learnt parameters; `name` has their fingerprint."""

    def __init__(self, parameters: Parameters, name: str) -> None:
        self.name = name
        self.intents = parameters.intents
        self.threshold = parameters.threshold
        self._biases = parameters.biases
        weights = array("h", parameters.weights)
        if sys.byteorder == "big":
            weights.byteswap()
        known: list[dict[str, tuple[float, array[int]]]] = []
        at, count = 0, len(self.intents)
        for block in (parameters.words, parameters.characters, parameters.behaviour):
            rows: dict[str, tuple[float, array[int]]] = {}
            for term, idf in zip(block.terms, block.idf, strict=True):
                rows[term] = (idf, weights[at : at + count])
                at += count
            known.append(rows)
        if at != len(weights) or count != len(self._biases):
            raise ValueError("the weights are not as many as the terms and intents")
        self._words, self._characters, self._behaviour = known
        self._step = parameters.step

    def recognise(self, event: Interaction) -> Recognition | None:
        """The surest intent, None when it is not sure enough or the event has nothing that the model knows."""
        return self.sure(self.surest(document_of(event)))

    def sure(self, found: Recognition | None) -> Recognition | None:
        """The answer, None when it is `unknown` or below the threshold."""
        if found is None or found.intent == UNKNOWN or found.confidence < self.threshold:
            return None
        return found

    def surest(self, document: Document) -> Recognition | None:
        """What the document is most probably about, `unknown` included; None when no term of it is known."""
        probabilities = self.probabilities(document)
        if probabilities is None:
            return None
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        return Recognition(self.intents[best], probabilities[best])

    def probabilities(self, document: Document) -> list[float] | None:
        """The probability of each of `intents`, in their order; None when no term of the document is known."""
        scores = list(self._biases)
        any_known = False
        for rows, terms in (
            (self._words, words(document.text)),
            (self._characters, characters(document.text)),
            (self._behaviour, document.behaviour),
        ):
            found = _weighed(rows, terms)
            any_known = any_known or bool(found)
            for value, row in found:
                factor = value * self._step
                scores = [score + factor * weight for score, weight in zip(scores, row, strict=True)]
        return _softmax(scores) if any_known else None


def load(raw: bytes) -> LinearModel | Failure:
    """The model in the bytes of its file (gzipped JSON)."""
    try:
        content = gzip.decompress(raw)
        name = f"linear-{hashlib.blake2b(content, digest_size=6).hexdigest()}"
        return LinearModel(msgspec.json.decode(content, type=Parameters), name)
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, ValueError) as error:
        return Failure("bad_model", f"is not a model of intents: {error}")


def dump(parameters: Parameters) -> bytes:
    """The model's file: the same bytes for the same parameters."""
    return gzip.compress(msgspec.json.encode(parameters), mtime=0)


def document_of(event: Interaction) -> Document:
    """What the model sees of an event."""
    behaviour = [f"channel={event.channel}", f"kind={event.kind}"]
    form, page = event.attributes.get("form"), event.attributes.get("page")
    # The subject of a form's event is the form's name.
    subject = None if event.subject == form else event.subject
    said = "\n".join(part for part in (subject, event.text) if part)
    if form is not None:
        behaviour.append(f"form={str(form).lower()}")
    if page is not None:
        # The part of the site tells more than the page.
        behaviour.append(f"page={str(page).lower().lstrip('/').partition('/')[0]}")
    return Document(plain(said), tuple(behaviour))


def plain(text: str) -> str:
    """The text as the model reads it: its beginning, in small letters, all digits alike."""
    return _DIGIT.sub("0", unicodedata.normalize("NFC", text[:TEXT_CHARACTERS]).lower())


def words(text: str) -> list[str]:
    """Words of two letters or more, and pairs of neighbours."""
    single: list[str] = _WORD.findall(text)
    return single + [f"{one} {two}" for one, two in pairwise(single)]


def characters(text: str) -> list[str]:
    """Pieces of each word with a blank on either side; a word that is shorter than a piece is one, once."""
    found: list[str] = []
    shortest, longest = CHARACTERS
    for word in text.split():
        padded = f" {word} "
        for size in range(shortest, longest + 1):
            found += [padded[at : at + size] for at in range(max(len(padded) - size, 0) + 1)]
            if size >= len(padded):
                break
    return found


def _weighed(
    rows: dict[str, tuple[float, array[int]]], terms: Iterable[str]
) -> list[tuple[float, array[int]]]:
    """The weight of each known term in the document, and its row; the squares of the weights add up to 1."""
    found = [
        ((1.0 + math.log(times)) * rows[term][0], rows[term][1])
        for term, times in Counter(terms).items()
        if term in rows
    ]
    length = math.sqrt(sum(value * value for value, _ in found))
    return [(value / length, row) for value, row in found]


def _softmax(scores: list[float]) -> list[float]:
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]
