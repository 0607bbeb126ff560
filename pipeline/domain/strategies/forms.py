"""A file's values → its form, or every mistake in them with its place and what to do about it."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any, TypeVar

import pydantic
from pydantic.fields import FieldInfo

from pipeline.domain.strategies.problems import Problem, one_of
from pipeline.domain.strategies.source import Path, Source

Model = TypeVar("Model", bound=pydantic.BaseModel)

_REMEDIES = {
    "int_type": "write a whole number",
    "float_type": "write a number",
    "bool_type": "write true or false",
    "string_type": "write text; in quotes where it could be taken for something else",
    "list_type": "write a list: a dash before each of its parts",
    "dict_type": "write name: value, one to a line",
    "model_type": "write name: value, one to a line",
    "too_short": "add one",
    "too_long": "remove some",
}
"""What to do about a mistake that pydantic finds, by its type."""


def validated(source: Source, model: type[Model]) -> Model | list[Problem]:
    """The source's values as `model`, or everything that is wrong with them, from the top of the file."""
    try:
        return model.model_validate(source.data)
    except pydantic.ValidationError as error:
        problems = [_explained(source, detail, model) for detail in error.errors()]
        return sorted(problems, key=lambda one: (one.line, one.column))


def _explained(source: Source, detail: Any, model: type[pydantic.BaseModel]) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        path = _path(source.data, detail["loc"][:-1])
        return source.problem(path, f"{detail['loc'][-1]} is missing", "add it")
    path = _path(source.data, detail["loc"])
    name = ".".join(map(str, path)) or "the file"
    if kind == "extra_forbidden":
        remedy = one_of(str(path[-1]), _settings(model, path[:-1]))
        return source.unknown(path, f"{name} is not a setting here", remedy)
    if "remedy" in context:
        place = source.unknown if kind == "misnamed" else source.problem
        return place((*path, *context["at"]), context["message"], context["remedy"])
    message = f"{name}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
    return source.problem(path, message, _remedy(kind, detail["input"], context))


def _remedy(kind: str, given: Any, context: dict[str, Any]) -> str:
    if kind == "literal_error":
        return one_of(
            given, [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        )
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"write {context['ge']} or more" if "ge" in context else f"write {context['le']} or less"
    if kind == "string_pattern_mismatch":
        return "begin with a small letter or digit; more of these, - and _ may follow, 64 in all"
    return _REMEDIES.get(kind, "correct it")


def _path(data: Any, location: Iterable[str | int]) -> Path:
    """The path of a value: pydantic's location without the names of alternatives, which are not in the file."""
    path: Path = ()
    for part in location:
        inside = data if isinstance(data, dict) else dict(enumerate(data)) if isinstance(data, list) else {}
        if part in inside:
            data = inside[part]
            path = (*path, part)
    return path


def _settings(model: type[pydantic.BaseModel], path: Path) -> list[str]:
    """The settings that there are at a path in a file of the form `model`."""
    forms: list[type[pydantic.BaseModel]] = [model]
    for part in path:
        inside = [field.annotation for name, field in _named(forms) if name == part]
        forms = [form for annotation in inside for form in _forms(annotation)] or forms
    return [name for name, _ in _named(forms)]


def _named(forms: list[type[pydantic.BaseModel]]) -> list[tuple[str, FieldInfo]]:
    return [(field.alias or name, field) for form in forms for name, field in form.model_fields.items()]


def _forms(annotation: Any) -> list[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return [annotation]
    return [form for argument in typing.get_args(annotation) for form in _forms(argument)]
