"""Examples of what customers want, read from a directory and divided into parts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import yaml

from pipeline.domain.failures import Failure
from pipeline.domain.linear_model import Document, plain

TRAIN, DEVELOPMENT = 0.6, 0.2
"""The parts of the examples that are learnt from, and that settings are chosen by; the rest is held out."""
FEWEST_INTENTS = 3
PIECE, ALIKE = 3, 0.5
"""Texts are nearly the same when so much of their pieces of so many characters is in both."""


class Example(NamedTuple):
    """A text or a behaviour, and what it is about; `language` is empty for a behaviour."""

    document: Document
    intent: str
    language: str = ""


class Split(NamedTuple):
    """The texts in their three parts, and the behaviours, which are learnt from only."""

    train: list[Example]
    development: list[Example]
    held_out: list[Example]
    behaviours: list[Example]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """Texts of one language by intent, or behaviours by intent."""

    language: str = ""
    intents: dict[str, list[str]] = {}
    behaviours: dict[str, list[str]] = {}


def read_examples(directory: Path) -> Split | Failure:
    """The examples in the `*.yaml` files of a directory, each once; a Failure names the file that is wrong."""
    texts: dict[tuple[str, str], list[Example]] = defaultdict(list)
    behaviours: list[Example] = []
    seen: dict[str, str] = {}
    for path in sorted(directory.glob("*.yaml")):
        file = _read(path)
        if isinstance(file, Failure):
            return file
        for intent, written in file.intents.items():
            for text in written:
                document = Document(plain(text))
                known = seen.get(document.text)
                if known is None:
                    seen[document.text] = intent
                    texts[file.language, intent].append(Example(document, intent, file.language))
                elif known != intent:
                    return Failure(
                        "bad_example", f"{path}: '{text}' is an example of {known} and of {intent}"
                    )
        for intent, done in file.behaviours.items():
            behaviours += [Example(Document("", tuple(tokens.split())), intent) for tokens in done]
    if not texts:
        return Failure("no_examples", f"{directory}: no examples (*.yaml) are there; name their directory")
    split = _divided(texts.values(), behaviours)
    if len({intent for _, intent in texts}) < FEWEST_INTENTS or not all(split[:3]):
        few = f"too few texts; of at least {FEWEST_INTENTS} intents (one may be unknown) some are needed of each"
        return Failure("no_examples", f"{directory}: {few}")
    return split


def _divided(groups: Iterable[list[Example]], behaviours: list[Example]) -> Split:
    """Each intent of each language in the same parts, by the hashes of its texts.

    What is nearly the same stays together: one text learnt and its like held out would be no test.
    """
    split = Split([], [], [], behaviours)
    for group in groups:
        first, second = len(group) * TRAIN, len(group) * (TRAIN + DEVELOPMENT)
        placed = 0
        for similar in _alike(sorted(group, key=_hash)):
            part = split.train if placed < first else split.development if placed < second else split.held_out
            part.extend(similar)
            placed += len(similar)
    return split


def _alike(examples: Iterable[Example]) -> list[list[Example]]:
    """The examples in sets of those that have more than `ALIKE` of their pieces in common with another."""
    clusters: list[list[tuple[Example, set[str]]]] = []
    for example in examples:
        text = example.document.text
        pieces = {text[at : at + PIECE] for at in range(max(len(text) - PIECE, 0) + 1)}
        near = [
            cluster
            for cluster in clusters
            if any(len(pieces & other) > ALIKE * len(pieces | other) for _, other in cluster)
        ]
        clusters = [cluster for cluster in clusters if cluster not in near]
        clusters.append([(example, pieces), *(one for cluster in near for one in cluster)])
    return [[example for example, _ in cluster] for cluster in clusters]


def _hash(example: Example) -> bytes:
    return hashlib.blake2b(example.document.text.encode("utf-8", "surrogatepass")).digest()


def _read(path: Path) -> _File | Failure:
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _File)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        return Failure("bad_example", f"{path}: {' '.join(str(error).split())}")
