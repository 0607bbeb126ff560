"""A compiled condition: evaluate it, or explain it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import msgspec

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import python
from pipeline.domain.strategies.cel import values as checks
from pipeline.domain.strategies.cel.advice import rejected
from pipeline.domain.strategies.cel.containers import Fuel, new_fuel, settled
from pipeline.domain.strategies.cel.emit import Emitter
from pipeline.domain.strategies.cel.nodes import Logic, Node
from pipeline.domain.strategies.cel.operators import holds
from pipeline.domain.strategies.cel.parse import parse
from pipeline.domain.strategies.cel.problems import ERRORS, CelProblem, Rejected, WorkExceeded, failure_of
from pipeline.domain.strategies.cel.references import chains, reference, shown
from pipeline.domain.strategies.cel.types import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    NULL,
    STRING,
    CelType,
    Declarations,
    type_of,
)
from pipeline.domain.strategies.cel.writer import Code

WANTED = {
    BOOL: checks.want_bool,
    INT: checks.want_int,
    DOUBLE: checks.want_double,
    STRING: checks.want_string,
}
RAISED = (*ERRORS, WorkExceeded, RecursionError)
PARTS_A_LEVEL = 50
"""How many parts of a `&&` are nested in one another; more of them stand beside one another."""
Function = Callable[..., Any]


class Explanation(msgspec.Struct, frozen=True):
    """Why a condition holds or not.

    `held` is None when it could not be decided; then `error` says why. `failed` is the text of the first part
    of a top-level `&&` that is false, or that is the error when none is. `values` maps what the condition
    reads, as it is written there, to its value in words.
    """

    held: bool | None
    failed: str | None
    values: dict[str, str]
    error: Failure | None = None


class Unmet(NamedTuple):
    """Why a condition does not hold: the part that is false, or that could not be decided; `held` tells which.

    `reads` are the declared names (`event`, `customer`) that a false part reads.
    """

    part: str
    held: Failure | bool
    reads: frozenset[str] = frozenset()


class Program:
    """A condition that has been checked against its declarations.

    `text` is its source, `type` the type of its result, `references` the declared names and fields that it
    reads (`customer.value`).
    """

    def __init__(self, text: str, root: Node, declarations: Declarations, expected: CelType | None) -> None:
        self.text = text
        self._root = root
        self._variables = declarations.types
        self._quick, self.type = self._function(root, expected, careful=False)
        self._careful, _ = self._function(root, expected, careful=True)
        self._chains = self._chains_of(root)
        # Made here, so that a condition that cannot be compiled is found when it is validated, not at an event.
        self._first_false = self._compiled_first_false() if self.type == BOOL else None
        self.references = frozenset(reference(chain) for chain in self._chains)

    def evaluate(self, *values: Any) -> Any:
        """The result for the variables' values, in the order of their declaration, or a Failure."""
        try:
            return self._quick(*values)
        except RAISED:
            return _attempt(self._careful, new_fuel(), values)

    def unmet(self, *values: Any) -> Unmet | None:
        """What keeps a condition from holding, None when it holds. The result must be a bool."""
        assert self._first_false is not None
        try:
            unmet: Unmet | None = self._first_false(*values)
        except RAISED:
            held = _attempt(self._careful, new_fuel(), values)
            return None if held is True else Unmet(self._deciding(held, values), held)
        return unmet

    def _deciding(self, held: Any, values: tuple[Any, ...]) -> str:
        """The text of the first part that is false, or a Failure, as the whole is; the whole text if none is."""
        fuel = new_fuel()
        results = ((text, _attempt(function, fuel, values)) for text, function in self._parts.items())
        wanted = Failure if isinstance(held, Failure) else bool
        found = (text for text, part in results if part is not True and isinstance(part, wanted))
        return next(found, self._source(self._root))

    def seen(self, *values: Any) -> dict[str, str]:
        """What the condition reads, as it is written there, with its value in words."""
        fuel = new_fuel()
        return {
            text: shown(_attempt(function, fuel, values), kind)
            for text, (function, kind) in self._reads.items()
        }

    def explain(self, *values: Any) -> Explanation:
        """Whether the condition holds for these values, and what decided it."""
        held, read = self.evaluate(*values), self.seen(*values)
        if isinstance(held, Failure):
            return Explanation(None, self._deciding(held, values), read, held)
        if held is False:
            return Explanation(False, self._deciding(held, values), read)
        return Explanation(True if held is True else None, None, read)

    @functools.cached_property
    def _parts(self) -> dict[str, Function]:
        """The parts of the top-level `&&` by their text; made when a condition is first explained."""
        parts = self._conjuncts if len(self._conjuncts) > 1 else ()
        return {text: self._function(part, BOOL, careful=True)[0] for text, part in parts}

    @functools.cached_property
    def _conjuncts(self) -> list[tuple[str, Node]]:
        return [(self._source(part), part) for part in conjuncts(self._root)]

    def _compiled_first_false(self) -> Function:
        """The function that gives an Unmet for the first part that is false, None when none is."""
        emitter, parts = Emitter(self._variables, careful=False), self._conjuncts
        levels = [
            self._first_false_of(emitter, parts[at : at + PARTS_A_LEVEL])
            for at in range(0, len(parts), PARTS_A_LEVEL)
        ]
        body = levels[0] if len(levels) == 1 else ast.BoolOp(ast.Or(), levels)
        return _compiled(emitter, body, self._variables)

    def _first_false_of(self, emitter: Emitter, parts: list[tuple[str, Node]]) -> ast.expr:
        body: ast.expr = ast.Constant(None)
        for text, part in reversed(parts):
            held = _as_expected(emitter, part, emitter.emit(part), BOOL).python
            reads = frozenset(reference(chain).partition(".")[0] for chain in self._chains_of(part))
            body = ast.IfExp(held, body, emitter.bind(Unmet(text, False, reads)))
        return body

    @functools.cached_property
    def _reads(self) -> dict[str, tuple[Function, CelType]]:
        return {self._source(chain): self._function(chain, None, careful=True) for chain in self._chains}

    def _chains_of(self, node: Node) -> list[Node]:
        return list(chains(node, frozenset(self._variables)))

    def _source(self, node: Node) -> str:
        return self.text[node.start : node.end].strip()

    def _function(self, node: Node, expected: CelType | None, careful: bool) -> tuple[Function, CelType]:
        """The function of a part, and its type; a careful one is given its fuel before the values."""
        emitter = Emitter(self._variables, careful)
        code = emitter.emit(node)
        if expected is not None:
            code = _as_expected(emitter, node, code, expected)
        body = code.python
        if emitter.uses_fuel and _can_hold_much(code.type):
            body = emitter.helper(settled, body, fuel=True)
        return _compiled(emitter, body, self._variables, fuelled=careful), code.type


def compile_expression(text: str, declarations: Declarations, expect: object = None) -> Program | CelProblem:
    """Check and compile a condition.

    `expect` is the annotation of the result that is wanted (bool, `str | None`, Timestamp …); a result whose
    type is known only at run time is then checked there.
    """
    try:
        return Program(text, parse(text), declarations, None if expect is None else type_of(expect))
    except Rejected as refused:
        return refused.problem
    except RecursionError:
        return CelProblem("the expression is nested too deeply", 1, 1, "split it into several conditions")


def conjuncts(root: Node) -> tuple[Node, ...]:
    """The parts of a top-level `&&`, of parts of parts too; of any other condition itself."""
    if isinstance(root, Logic) and root.operator == "&&":
        return tuple(part for operand in root.operands for part in conjuncts(operand))
    return (root,)


def _as_expected(emitter: Emitter, node: Node, code: Code, expected: CelType) -> Code:
    found, wanted = code.type.not_null(), expected.not_null()
    if expected in (DYN, code.type) or (found in (wanted, NULL) and expected.nullable):
        return code
    if wanted in WANTED and (found in (wanted, DYN) or (found == INT and wanted == DOUBLE)):
        check = checks.or_null(WANTED[wanted]) if expected.nullable else WANTED[wanted]
        return Code(emitter.helper(check, code.python), expected)
    raise rejected(node, f"expected {expected}, found {code.type}")


def _compiled(
    emitter: Emitter, body: ast.expr, variables: Mapping[str, CelType], fuelled: bool = False
) -> Function:
    """The function of a body for the variables' values, in their order; `fuelled`: for its fuel before them."""
    if emitter.uses_fuel and not fuelled:
        body = ast.Call(python.function(["fuel"], body), [emitter.helper(new_fuel)], [])
    parameters = [*(["fuel"] if fuelled else []), *(f"v_{name}" for name in variables)]
    module = compile(python.expression(python.function(parameters, body)), "<condition>", "eval")
    compiled = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
    return FunctionType(compiled, {"__builtins__": {}, **emitter.names})


def _can_hold_much(found: CelType) -> bool:
    """Whether values of a type can be lists of lists, which share their elements, or maps of such."""
    return found.kind == "dyn" or any(holds(part, "list", "map", "dyn") for part in found.params)


def _attempt(function: Function, fuel: Fuel, values: tuple[Any, ...]) -> Any:
    try:
        return function(fuel, *values)
    except RAISED as error:
        return failure_of(error)
