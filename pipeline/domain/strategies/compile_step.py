"""A step as it is written in a file → one that can be carried out, or what is wrong with it."""

from __future__ import annotations

from pipeline.domain.strategies import language
from pipeline.domain.strategies.checking import Checking, forgotten, lasting
from pipeline.domain.strategies.compile_action import compile_action, programs_of
from pipeline.domain.strategies.compiled import NEVER, Action, Branch, Step, Triggers
from pipeline.domain.strategies.language import ENTRY, StrategyFile
from pipeline.domain.strategies.source import Path
from pipeline.domain.templates import Brand


def compile_step(file: StrategyFile, at: int, brand: Brand, checking: Checking) -> Step:
    """The step at this position of a file; what is wrong goes to `checking`."""
    form, path = file.steps[at], ("steps", at)
    waits = form.on is None
    since = form.since if waits else NEVER
    conditions = checking.conditions(form.when, (*path, "when"))
    branches, actions = _branches(form, path, brand, checking)
    step = Step(
        id=form.id,
        conditions=conditions,
        actions=actions,
        branches=branches,
        repeat=form.repeat,
        resolve_thread=form.resolve_thread,
        lasting=lasting(conditions),
        hold_until=checking.conditions(form.hold_until, (*path, "hold_until")),
        hold_for_ms=form.hold_for,
        every_ms=form.every,
        count=form.count,
        within_ms=form.within,
        on=_triggers(form.on),
        on_entry=form.on == ENTRY,
        wait_ms=form.after if form.absent is None else form.for_,
        since=_triggers(since),
        since_entry=since == ENTRY,
        since_step=since if isinstance(since, str) and since != ENTRY else None,
        absent=_triggers(form.absent),
    )
    if waits:
        _check_remembered(form, step, path, checking)
    return step


def _branches(
    form: language.Step, path: Path, brand: Brand, checking: Checking
) -> tuple[tuple[Branch, ...], tuple[Action, ...]]:
    """The step's branches, and the actions of all of them."""
    written = [(branch, (*path, "branch", at)) for at, branch in enumerate(form.branch)]
    actions = [compile_action(one, (*path, "do", at), brand, checking) for at, one in enumerate(form.do)]
    branches = [] if written else [Branch((), range(len(actions)))]
    for branch, place in written:
        conditions = checking.conditions(branch.when, (*place, "when"))
        first = len(actions)
        actions += [
            compile_action(one, (*place, "do", at), brand, checking) for at, one in enumerate(branch.do)
        ]
        branches.append(Branch(conditions, range(first, len(actions)), lasting(conditions)))
    return tuple(branches), tuple(actions)


def _check_remembered(form: language.Step, step: Step, path: Path, checking: Checking) -> None:
    """A step that waits for its moment can read of its event what is remembered, and nothing else."""
    places = checking.places(step.hold_until, (*path, "hold_until"))
    places += checking.places(step.conditions, (*path, "when"))
    for at, branch in enumerate(step.branches):
        way: Path = (*path, "branch", at) if form.branch else path
        places += checking.places(branch.conditions, (*way, "when"))
        for number, position in enumerate(branch.positions):
            action = step.actions[position]
            inside = (*way, "do", number, action.kind)
            places += [(program, (*inside, *setting)) for setting, program in programs_of(action)]
    for program, place in places:
        lost = forgotten(program)
        if lost is not None:
            message = f"{lost} is not remembered until this step comes"
            remedy = "read thread.facts, or check it in the entry or in a step on the event"
            checking.wrong(place, message, remedy)


def _triggers(names: list[str] | str | Triggers | None) -> Triggers:
    return language.pairs(names) if isinstance(names, list) else NEVER
