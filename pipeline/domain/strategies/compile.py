"""Strategy files → strategies ready to run, or every mistake in them with its place."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.domain.strategies import language
from pipeline.domain.strategies.cel.program import Program
from pipeline.domain.strategies.checking import Checking
from pipeline.domain.strategies.compile_step import compile_step
from pipeline.domain.strategies.compiled import Exit, Rules, Strategy
from pipeline.domain.strategies.fields import CIRCUMSTANCE, DECLARED
from pipeline.domain.strategies.forms import validated
from pipeline.domain.strategies.loops import loops
from pipeline.domain.strategies.policy import Policy
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import Source, read
from pipeline.domain.templates import Brand, load_brand, text_problems

UNIQUE = {
    "event.event_id",
    "session.session_id",
    "thread.thread_id",
    "event.facts.order_id",
    "thread.facts.order_id",
}
"""What no two customers share (they do share a public post or a device's visit): a key that reads one of
these needs no customer beside it.
"""


def compile_rules(strategies: Mapping[str, str], brand_text: str, brand_file: str) -> Rules | list[Problem]:
    """The rules of strategy files (name → text) and a brand file, or all that is wrong in any of them."""
    brand = load_brand(brand_text, brand_file)
    if isinstance(brand, list):
        return brand
    problems: list[Problem] = []
    compiled: dict[str, Strategy] = {}
    files: dict[str, Source] = {}
    for file, text in sorted(strategies.items()):
        source = read(text, file)
        if isinstance(source, Problem):
            problems.append(source)
            continue
        strategy = _compiled(source, brand)
        if isinstance(strategy, list):
            problems.extend(strategy)
        elif strategy.id in compiled:
            message = f"strategy {strategy.id} is in {files[strategy.id].file} too"
            problems.append(source.problem(("strategy",), message, "give each strategy its own name"))
        else:
            compiled[strategy.id], files[strategy.id] = strategy, source
    for loop in loops(compiled.values()):
        step = loop.strategy.steps.index(loop.step)
        remedy = "give it caps, or a key that stays the same"
        problems.append(files[loop.strategy.id].problem(("steps", step), loop.message, remedy))
    return problems or Rules(list(compiled.values()), brand)


def compile_strategy(text: str, file: str, brand: Brand) -> Strategy | list[Problem]:
    """The strategy of a YAML text, or all that is wrong with it; `file` is its name in messages."""
    source = read(text, file)
    return [source] if isinstance(source, Problem) else _compiled(source, brand)


def _compiled(source: Source, brand: Brand) -> Strategy | list[Problem]:
    form = validated(source, language.StrategyFile)
    if isinstance(form, list):
        return form
    problems = list(text_problems(source, form.templates, brand))
    if problems:
        return problems
    checking = Checking(source)
    own = brand.with_own(form.templates) if form.templates else None
    key = checking.program(form.key, ("key",))
    entry_on = language.pairs(form.entry.on)
    strategy = Strategy(
        id=form.strategy,
        version=form.version,
        title=form.title,
        lane=form.lane,
        entry_on=entry_on,
        entry_conditions=checking.conditions(form.entry.when, ("entry", "when")),
        key=key,
        # The interaction of a circumstance is the same for all whom it concerns.
        unique_key=bool(UNIQUE & key.references) and (CIRCUMSTANCE, DECLARED) not in entry_on,
        max_age_ms=form.max_age,
        lifetime_ms=form.lifetime,
        steps=tuple(compile_step(form, at, own or brand, checking) for at in range(len(form.steps))),
        exits=tuple(
            Exit(language.pairs(way_out.on), checking.conditions(way_out.when, ("exits", at, "when")))
            for at, way_out in enumerate(form.exits)
        ),
        policy=Policy(
            priority=form.priority,
            score=_score(form.score, checking),
            caps=tuple(cap.value for cap in form.caps),
            quiet_hours=None if form.quiet_hours is None else form.quiet_hours.value,
            exclusive=form.exclusive,
            control=form.control or 0,
        ),
        in_flight=form.in_flight,
        brand=own,
    )
    return checking.problems or strategy


def _score(written: float | str, checking: Checking) -> Program | float:
    if not isinstance(written, str):
        return written
    known = len(checking.problems)
    program = checking.program(written[1:], ("score",), skipped=1)
    if len(checking.problems) == known and program.type.not_null().kind not in ("int", "double", "dyn"):
        checking.wrong(("score",), f"a score is a number, this is {program.type}", "write a number")
    return program
