"""Tree → Python expression, with its type: the type checker and the code generator in one walk.

The code names nothing but variables (`v_…`), constants and helpers (`h_…`), and reads no attribute that is
not a declared field. A careful emitter makes `&&` and `||` absorb errors on either side; the other makes
plain `and` and `or`, which give the same result whenever they give one.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import Any

import msgspec

from pipeline.domain.strategies.cel import containers, operators, python, strings, times, values
from pipeline.domain.strategies.cel.advice import LEFT_OUT, conversion, meant, rejected
from pipeline.domain.strategies.cel.functions import CONSTANT, FUNCTIONS, MACROS, METHODS, Overload
from pipeline.domain.strategies.cel.nodes import (
    Binary,
    Call,
    Ident,
    Index,
    ListLiteral,
    Literal,
    Logic,
    MapLiteral,
    Node,
    Select,
    Ternary,
    Unary,
)
from pipeline.domain.strategies.cel.problems import CelError
from pipeline.domain.strategies.cel.types import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    NULL,
    STRING,
    CelType,
    fields_of,
    list_of,
    map_of,
)
from pipeline.domain.strategies.cel.writer import SPENDING, Code, Writer, steps_of

MAX_NESTED_MACROS = 2
MAX_PATTERNS = 32
# A small pattern can be a large automaton: to make one takes as long as so many comparisons of texts.
MAKING_A_PATTERN = 500


class Emitter(Writer):
    """Writes the code of one program."""

    def __init__(self, variables: dict[str, CelType], careful: bool) -> None:
        super().__init__(variables)
        self.careful = careful
        self.patterns = 0

    @functools.singledispatchmethod
    def emit(self, node: Node) -> Code:
        """The code of a node. Raises Rejected with the problem when its types do not fit."""
        raise TypeError(f"no code is known for {type(node).__name__}")

    @emit.register
    def literal(self, node: Literal) -> Code:
        """A constant."""
        return Code(ast.Constant(node.value), node.type)

    @emit.register
    def ident(self, node: Ident) -> Code:
        """A variable, declared or of a macro."""
        if node.name not in self.scope:
            raise rejected(node, f"unknown name {node.name!r}", meant(node.name, self.scope))
        return self.scope[node.name]

    @emit.register
    def list_literal(self, node: ListLiteral) -> Code:
        """`[items]`."""
        items = [self.emit(item) for item in node.items]
        return Code(
            self.made(python.list_of(item.python for item in items)), list_of(self.common(node, items))
        )

    @emit.register
    def select(self, node: Select) -> Code:
        """`operand.field`."""
        return self.selected(node, self.emit(node.operand))

    def selected(self, node: Select, operand: Code) -> Code:
        """The field of an operand: an attribute of a Struct, a key of a map, null of null."""
        kind = operand.type.not_null()
        if kind.struct is not None:
            found = self.field(node, kind.struct)
            attribute = self.unless_null(operand, lambda value: ast.Attribute(value, node.field, ast.Load()))
            return Code(attribute, found.or_null(operand.type.nullable))
        if kind.kind == "map" and kind.params[0].kind in ("string", "dyn"):
            item = self.unless_null(operand, lambda value: python.item(value, ast.Constant(node.field)))
            return Code(item, kind.params[1].or_null(operand.type.nullable))
        if kind == DYN:
            return Code(self.helper(containers.select, operand.python, ast.Constant(node.field)), DYN)
        hint = f"write {node.field}()" if node.field in METHODS else None
        raise rejected(node, f"a value of type {kind} has no fields, so no {node.field!r}", hint)

    def field(self, node: Select, struct: type[msgspec.Struct]) -> CelType:
        """The type of a Struct's field, which must be declared."""
        fields = fields_of(struct)
        if node.field not in fields:
            message = f"{struct.__name__} has no field {node.field!r}"
            raise rejected(node, message, meant(node.field, fields))
        return fields[node.field]

    @emit.register
    def index(self, node: Index) -> Code:
        """`operand[key]`."""
        operand, key = self.emit(node.operand), self.emit(node.key)
        kind = operand.type.not_null()
        if kind.kind == "map" and operators.equality(key.type, kind.params[0]) is not None:
            element = kind.params[1]
            if key.type == STRING == kind.params[0]:
                item = self.unless_null(operand, lambda value: python.item(value, key.python))
                return Code(item, element.or_null(operand.type.nullable))
        elif kind.kind == "list" and key.type.not_null() in (INT, DYN):
            element = kind.params[0]
        elif kind == DYN and key.type.not_null() in (INT, STRING, BOOL, DYN):
            element = DYN
        else:
            raise rejected(node, f"a value of type {kind} has no element at a key of type {key.type}")
        found = self.helper(containers.index, operand.python, key.python)
        return Code(found, element.or_null(operand.type.nullable))

    @emit.register
    def logic(self, node: Logic) -> Code:
        """`&&` and `||` of any number of conditions."""
        operands = [self.condition(operand) for operand in node.operands]
        if self.careful:
            absorbing = containers.both if node.operator == "&&" else containers.either
            return Code(self.helper(absorbing, *(python.function([], operand) for operand in operands)), BOOL)
        return Code(ast.BoolOp(ast.And() if node.operator == "&&" else ast.Or(), operands), BOOL)

    def condition(self, node: Node) -> ast.expr:
        """The code of something that must be true or false."""
        code = self.emit(node)
        if code.type == BOOL:
            return code.python
        if code.type.not_null() in (BOOL, DYN):
            return self.helper(values.truth, code.python)
        raise rejected(node, f"expected a condition (true or false), found {code.type}")

    @emit.register
    def unary(self, node: Unary) -> Code:
        """`!` and `-`."""
        if node.operator == "!":
            return Code(ast.UnaryOp(ast.Not(), self.condition(node.operand)), BOOL)
        operand = self.emit(node.operand)
        if operand.type == DOUBLE:
            return Code(ast.UnaryOp(ast.USub(), operand.python), DOUBLE)
        if operand.type.not_null() in (INT, DOUBLE, DYN):
            return Code(self.helper(values.negate, operand.python), operand.type.not_null())
        raise rejected(node, f"- does not exist for {operand.type}")

    @emit.register
    def binary(self, node: Binary) -> Code:
        """Arithmetic, comparisons and `in`."""
        left, right = self.emit(node.left), self.emit(node.right)
        sign, one, two = node.operator, left.type, right.type
        result = BOOL
        operation: Callable[..., Any] | ast.operator | ast.cmpop | None
        if sign in ("==", "!="):
            operation = operators.equality(one, two)
        elif sign == "in":
            operation = operators.membership(one, two)
        else:
            choose = operators.order if sign in operators.PLAIN_ORDER else operators.arithmetic
            result, operation = choose(sign, one, two) or (BOOL, None)
        if operation is None:
            hint = conversion(sign, node, one, two)
            raise rejected(node, f"{sign} does not exist for {one} and {two}", hint)
        value = self.operate(operation, left.python, right.python)
        return Code(ast.UnaryOp(ast.Not(), value) if sign == "!=" else value, result)

    def operate(
        self, operation: Callable[..., Any] | ast.operator | ast.cmpop, left: ast.expr, right: ast.expr
    ) -> ast.expr:
        """The code of an operation that is a Python operator or a helper."""
        if isinstance(operation, ast.operator):
            return ast.BinOp(left, operation, right)
        if (
            isinstance(operation, ast.Is)
            and isinstance(left, ast.Constant)
            and isinstance(right, ast.Constant)
        ):
            operation = ast.Eq()  # which Python does not warn of
        if isinstance(operation, ast.In) and self.macros:
            operation = containers.within
        if isinstance(operation, ast.cmpop):
            return ast.Compare(left, [operation], [right])
        return self.helper(operation, left, right, fuel=operation in SPENDING)

    @emit.register
    def ternary(self, node: Ternary) -> Code:
        """`test ? yes : no`, both of one type."""
        test, yes, no = self.condition(node.test), self.emit(node.yes), self.emit(node.no)
        kind = operators.join(yes.type, no.type)
        if kind is None:
            raise rejected(node, f"both results of ? must be of one type, found {yes.type} and {no.type}")
        return Code(ast.IfExp(test, yes.python, no.python), kind)

    @emit.register
    def map_literal(self, node: MapLiteral) -> Code:
        """`{key: value}`."""
        keys = [self.emit(key) for key, _ in node.entries]
        items = [self.emit(value) for _, value in node.entries]
        for (key, _), code in zip(node.entries, keys, strict=True):
            if code.type not in (STRING, INT, BOOL, DYN):
                raise rejected(key, f"a key of a map is a string, an int or a bool, not {code.type}")
        pairs = (
            ast.Tuple([key.python, item.python], ast.Load()) for key, item in zip(keys, items, strict=True)
        )
        kind = map_of(self.common(node, keys), self.common(node, items))
        return Code(self.made(self.helper(containers.new_map, python.list_of(pairs))), kind)

    def common(self, node: Node, items: list[Code]) -> CelType:
        """The one type of the elements of a literal; elements of several types are of unknown type."""
        if not items:
            return DYN
        kind: CelType | None = items[0].type
        for item in items[1:]:
            kind = kind and operators.join(kind, item.type)
        if kind is None and any(operators.holds_time(item.type) for item in items):
            raise rejected(node, "times and other values cannot be in one list or map")
        return DYN if kind in (None, NULL) else kind

    @emit.register
    def call(self, node: Call) -> Code:
        """A function, a method or a macro."""
        if node.target is None and node.function == "has":
            return self.has(node)
        if node.target is not None and node.function in MACROS:
            return self.macro(node, node.target)
        if node.target is None and node.function == "dyn":
            return self.dyn(node)
        if node.target is None and node.function in LEFT_OUT:
            raise rejected(node, *LEFT_OUT[node.function])
        known = FUNCTIONS if node.target is None else METHODS
        if node.function not in known:
            names = [*known, *(MACROS if node.target is not None else ["has", "dyn"])]
            raise rejected(node, f"unknown function {node.function!r}", meant(node.function, names))
        operands = ([] if node.target is None else [node.target]) + list(node.arguments)
        if node.function in CONSTANT and len(operands) == 1 and isinstance(operands[0], Literal):
            constant = operands[0].value
            if isinstance(constant, str):
                made = self.constant(operands[0], CONSTANT[node.function], constant)
                return Code(ast.Constant(made), known[node.function][0].result)
        arguments = [self.emit(operand) for operand in operands]
        overload = self.overload(node, known[node.function], [argument.type for argument in arguments])
        nullable = overload.nullable and arguments[0].type.nullable
        if overload.call is strings.found:
            regex, text = self.search(operands[1], arguments[1]), arguments[0].python
            return Code(self.apply(strings.found, overload.steps, [regex, text]), BOOL)
        if node.function in times.PARTS and isinstance(operands[-1], Literal):
            self.constant(operands[-1], times.zone, operands[-1].value)
        value = self.apply(overload.call, overload.steps, [argument.python for argument in arguments])
        return Code(value, overload.result.or_null(nullable))

    def search(self, node: Node, regex: Code) -> ast.expr:
        """The search of a regular expression, made once where the expression is a constant."""
        self.patterns += 1
        if self.patterns > MAX_PATTERNS:
            message = f"more than {MAX_PATTERNS} regular expressions in one condition"
            raise rejected(node, message, "join them with |")
        if isinstance(node, Literal) and node.value is not None:
            return self.bind(self.constant(node, strings.pattern, node.value))
        return self.apply(strings.search_for, MAKING_A_PATTERN, [regex.python])

    def overload(self, node: Call, overloads: tuple[Overload, ...], given: list[CelType]) -> Overload:
        """The first variant of a function that takes these types."""
        for overload in overloads:
            if overload.accepts([kind.not_null() for kind in given]):
                return overload
        found = ", ".join(map(str, given)) or "nothing"
        wanted = " or ".join(dict.fromkeys(", ".join(map(str, variant.parameters)) for variant in overloads))
        raise rejected(node, f"{node.function}() does not exist for {found}", f"it takes {wanted}")

    def constant(self, node: Node, make: Callable[[str], Any], text: Any) -> Any:
        """What a function makes of a constant, now; its error is the author's problem."""
        try:
            return make(text)
        except CelError as error:
            raise rejected(node, str(error)) from None

    def has(self, node: Call) -> Code:
        """`has(operand.field)`: the field is not null, the key is there."""
        if len(node.arguments) != 1 or not isinstance(node.arguments[0], Select):
            raise rejected(node, "has() takes one field", "write has(event.text)")
        chosen = node.arguments[0]
        operand = self.emit(chosen.operand)
        kind = operand.type.not_null()
        if kind.struct is None and kind.kind in ("map", "dyn"):
            return Code(self.helper(containers.has_key, operand.python, ast.Constant(chosen.field)), BOOL)
        field = self.selected(chosen, operand).python
        return Code(ast.Compare(field, [ast.IsNot()], [ast.Constant(None)]), BOOL)

    def dyn(self, node: Call) -> Code:
        """`dyn(value)`: the value, of whose type nothing is known before it is there."""
        if len(node.arguments) != 1:
            raise rejected(node, "dyn() takes one value")
        operand = self.emit(node.arguments[0])
        if operators.holds(operand.type, "timestamp", "duration", "struct"):
            raise rejected(node, f"dyn() does not take {operand.type}", "write the value without dyn()")
        return Code(operand.python, DYN)

    def macro(self, node: Call, target: Node) -> Code:
        """`all`, `exists`, `exists_one`, `map` and `filter`, with a variable of their own."""
        variable, *bodies = node.arguments or (node,)
        if not isinstance(variable, Ident) or len(bodies) not in ((1, 2) if node.function == "map" else (1,)):
            raise rejected(
                node, f"{node.function}() takes a name and an expression", "write list.all(x, x > 0)"
            )
        items = self.emit(target)
        kind = items.type.not_null()
        if kind.kind not in ("list", "map", "dyn"):
            raise rejected(node, f"{node.function}() works on lists and maps, not on {items.type}")
        if self.macros == MAX_NESTED_MACROS:
            message = f"more than {MAX_NESTED_MACROS} macros inside one another"
            raise rejected(node, message, "split the condition")
        argument = self.fresh("m")
        outer, element = self.scope, Code(python.name(argument), (*kind.params, DYN)[0])
        self.scope = {**outer, variable.name: element}
        self.macros += 1
        try:
            return self.macro_body(node, items, argument, bodies)
        finally:
            self.macros -= 1
            self.scope = outer

    def macro_body(self, node: Call, items: Code, argument: str, bodies: list[Node]) -> Code:
        """The call of a macro's helper, its variable being in scope."""
        steps = ast.Constant(steps_of(bodies))
        if node.function == "map":
            tests = [python.function([argument], self.condition(body)) for body in bodies[:-1]]
            change = self.emit(bodies[-1])
            body = python.function([argument], change.python)
            made = self.helper(containers.mapped, items.python, steps, body, *tests, fuel=True)
            return Code(made, list_of(change.type))
        test = python.function([argument], self.condition(bodies[0]))
        helper, result = {
            "all": (containers.every, BOOL),
            "exists": (containers.some, BOOL),
            "exists_one": (containers.just_one, BOOL),
            "filter": (containers.filtered, list_of((*items.type.params, DYN)[0])),
        }[node.function]
        return Code(self.helper(helper, items.python, steps, test, fuel=True), result)
