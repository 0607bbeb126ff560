"""What conditions give: a table a feature, a line an expression and its value or the code of its failure."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import CelProblem, Declarations, Timestamp, compile_expression

Facts = dict[str, str | int | float | bool]
DECLARED = Declarations(
    {
        "facts": Facts,
        "names": list[str],
        "numbers": list[int],
        "by_name": dict[str, int],
        "text": str | None,
        "count": int | None,
        "price": float,
        "now": Timestamp,
        "zone": str | None,
        "ratio": float | None,
        "any": object,
    }
)
VALUES: dict[str, Any] = {
    "facts": {"order_id": "1001", "items": 3, "price": 9.5, "gift": True},
    "names": ["anna", "ben"],
    "numbers": [1, 2, 3],
    "by_name": {"a": 1, "b": 2},
    "text": None,
    "count": None,
    "price": 2.5,
    "now": 1_700_000_000_123,  # Tuesday 2023-11-14T22:13:20.123Z
    "zone": None,
    "ratio": None,
    "any": None,
}


def result(expression: str, **values: Any) -> Any:
    """The value of an expression; a failure is given as `error:code`."""
    program = compile_expression(expression, DECLARED)
    assert not isinstance(program, CelProblem), f"{expression}: {program}"
    found = program.evaluate(*{**VALUES, **values}.values())
    return f"error:{found.code}" if isinstance(found, Failure) else found


def same(found: Any, wanted: Any) -> bool:
    """Equality that tells 1 from 1.0 and from true."""
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(same, found, wanted))
    return type(found) is type(wanted) and found == wanted


TABLES: dict[str, list[tuple[str, Any]]] = {
    "literals": [
        ("1", 1),
        ("-9223372036854775808", -(2**63)),
        ("0x1F", 31),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("true", True),
        ("null", None),
        ("'it\\'s'", "it's"),
        ('"a\\n\\u00e9\\x41\\101\\U0001F600"', "a\né" + "AA😀"),
        ("r'\\d+'", "\\d+"),
        ("'''two\nlines'''", "two\nlines"),
        ("''", ""),
        ("[1, 2] // and a comment", [1, 2]),
    ],
    "arithmetic": [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("1 - -1", 2),
        ("-(2)", -2),
        ("price * 2.0", 5.0),
        ("-price", -2.5),
        ("1.0 / 0.0", math.inf),
        ("-1.0 / 0.0", -math.inf),
        ("1.0 / -0.0", -math.inf),
        ("string(0.0 / 0.0)", "NaN"),
        ("1 / 0", "error:divide_by_zero"),
        ("1 % 0", "error:divide_by_zero"),
        ("9223372036854775807 + 1", "error:overflow"),
        ("-9223372036854775808 - 1", "error:overflow"),
        ("9223372036854775807 * 2", "error:overflow"),
        ("-9223372036854775808 / -1", "error:overflow"),
        ("-(-9223372036854775808)", "error:overflow"),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("facts.items + 1", 4),
        ("facts.price + 0.5", 10.0),
        ("facts.order_id + '!'", "1001!"),
        ("facts.items + 1.0", "error:no_such_overload"),
        ("facts.gift + 1", "error:no_such_overload"),
        ("facts.order_id + 1", "error:no_such_overload"),
        ("count + 1", "error:null_value"),
    ],
    "comparison": [
        ("1 < 2", True),
        ("2 <= 1", False),
        ("1 < 1.5", True),
        ("9007199254740993 > 9007199254740992.0", True),
        ("1 == 1.0", True),
        ("'a' < 'b'", True),
        ("false < true", True),
        ("facts.items >= 3", True),
        ("facts.items >= 3.5", False),
        ("facts.price == 9.5", True),
        ("facts.order_id == '1001'", True),
        ("facts.order_id == 1001", False),
        ("facts.gift == true", True),
        ("facts.gift == 1", False),
        ("facts.items == 3.0", True),
        ("facts.items != 3", False),
        ("facts.gift < 2", "error:no_such_overload"),
        ("facts.order_id < 2", "error:no_such_overload"),
        ("facts.missing == 1", "error:no_such_key"),
        ("[1, 2] == [1, 2]", True),
        ("[[1], [2]] == [[1], [3]]", False),
        ("[1] == [1, 2]", False),
        ("[facts.gift] == [1]", False),
        ("{'a': 1} == {'a': 1}", True),
        ("{'a': 1} == {'b': 1}", False),
        ("names == ['anna', 'ben']", True),
        ("null == null", True),
        ("0.0 / 0.0 == 0.0 / 0.0", False),
        ("0.0 / 0.0 in [0.0 / 0.0]", False),
    ],
    "logic": [
        ("true && false", False),
        ("!true || true", True),
        ("!(1 > 2)", True),
        ("false && facts.missing == 1", False),
        ("facts.missing == 1 && false", False),
        ("facts.missing == 1 && true", "error:no_such_key"),
        ("true && facts.missing == 1", "error:no_such_key"),
        ("facts.missing == 1 || true", True),
        ("facts.missing == 1 || 1 / 0 == 1 || true", True),
        ("facts.missing == 1 || false", "error:no_such_key"),
        ("facts.items && false", False),
        ("facts.items && true", "error:no_such_overload"),
        ("(facts.missing == 1 || true) && !(facts.missing == 1 && false)", True),
        ("facts.gift ? 'yes' : 'no'", "yes"),
        ("1 > 2 ? 1 : 2 > 1 ? 3 : 4", 3),
        ("true ? 1 : 1 / 0", 1),
        ("facts.missing == 1 ? 1 : 1", "error:no_such_key"),
        ("facts.items ? 1 : 2", "error:no_such_overload"),
    ],
    "collections": [
        ("'anna' in names", True),
        ("2 in numbers", True),
        ("2.0 in numbers", True),
        ("'a' in by_name", True),
        ("facts.items in numbers", True),
        ("facts.gift in numbers", False),
        ("'order_id' in facts", True),
        ("'x' in any", False),
        ("1 in {1: 'a'}", True),
        ("names[0]", "anna"),
        ("names[2]", "error:index_out_of_range"),
        ("names[-1]", "error:index_out_of_range"),
        ("by_name['b'] + by_name.a", 3),
        ("by_name['c']", "error:no_such_key"),
        ("by_name[facts.order_id]", "error:no_such_key"),
        ("{'a': [1, 2]}.a[1]", 2),
        ("{true: 1}[true]", 1),
        ("{1: 'a', 1: 'b'}", "error:repeated_key"),
        ("{facts.price: 1}", "error:no_such_overload"),
        ("any.field", None),
        ("any[0]", None),
        ("size(names) + names.size() + size('né') + size(by_name)", 8),
        ("size(facts.order_id)", 4),
        ("size(facts.items)", "error:no_such_overload"),
        ("has(facts.order_id)", True),
        ("has(facts.missing)", False),
        ("has({'a': 1}.a)", True),
        ("has(any.field)", False),
    ],
    "macros": [
        ("numbers.all(n, n > 0)", True),
        ("numbers.all(n, 1 / (n - 2) > 5)", False),
        ("numbers.all(n, 6 / (n - 2) != 0)", "error:divide_by_zero"),
        ("[].all(n, n > 0)", True),
        ("numbers.exists(n, n == 2)", True),
        ("numbers.exists(n, 1 / (n - 2) == 1)", True),
        ("numbers.exists(n, 1 / (n - 2) == 5)", "error:divide_by_zero"),
        ("numbers.exists(n, 1 / (n - 2) == 5 || n == 2)", True),
        ("numbers.exists_one(n, n > 2)", True),
        ("numbers.exists_one(n, n > 1)", False),
        ("numbers.exists_one(n, 1 / (n - 2) == 1)", "error:divide_by_zero"),
        ("numbers.map(n, n * 2)", [2, 4, 6]),
        ("numbers.map(n, n > 1, n * 2)", [4, 6]),
        ("numbers.filter(n, n != 2)", [1, 3]),
        ("by_name.exists(k, by_name[k] == 2)", True),
        ("by_name.map(k, k)", ["a", "b"]),
        ("facts.filter(k, k.startsWith('o'))", ["order_id"]),
        ("numbers.map(n, numbers.filter(m, m < n).size())", [0, 1, 2]),
        ("numbers.map(names, names + 1)", [2, 3, 4]),
        ("[['x'], ['y']].exists(l, l.exists(s, s == 'y'))", True),
        ("any.all(x, x)", "error:null_value"),
        ("facts.items.all(x, x)", "error:no_such_overload"),
    ],
    "strings": [
        ("'wrong size'.contains('size')", True),
        ("'wrong size'.startsWith('wrong')", True),
        ("'wrong size'.endsWith('wrong')", False),
        ("'Wrong SIZE'.matches('(?i)wrong size')", True),
        ("'abc'.matches('^b')", False),
        ("matches('abc', 'b+')", True),
        ("facts.order_id.matches(r'^\\d+$')", True),
        ("'1001'.matches(facts.order_id)", True),
        ("'('.matches('[' + facts.order_id)", "error:bad_pattern"),
        ("facts.items.contains('x')", "error:no_such_overload"),
        ("'ÀB'.lowerAscii() + 'é'.upperAscii() + ' x '.trim()", "Àbéx"),
        ("['a', 'b'].join(', ') + [].join('-')", "a, b"),
        ("{'b': 1, 'a': 2}.map(k, k + '=' + string({'b': 1, 'a': 2}[k])).join('; ')", "b=1; a=2"),
        ("[1, 2].join(',')", "error:no_such_overload"),
        ("facts.items.join(',')", "error:no_such_overload"),
    ],
    "null": [
        ("text == null", True),
        ("text != null", False),
        ("text == 'a'", False),
        ("text.contains('a')", False),
        ("text.startsWith('a')", False),
        ("text.endsWith('a')", False),
        ("text.matches('a')", False),
        ("'a'.contains(text)", False),
        ("!text.contains('a')", True),
        ("text.lowerAscii()", None),
        ("text.lowerAscii().contains('a')", False),
        ("text < 'a'", "error:null_value"),
        ("count > 1", "error:null_value"),
        ("size(text)", "error:null_value"),
        ("ratio + ratio", "error:null_value"),
        ("-ratio", "error:null_value"),
        ("ratio == 1.0 || ratio != null", False),
        ("[ratio, 1.0]", [None, 1.0]),
        ("text == null ? 1 : null", 1),
        ("int(text)", "error:null_value"),
        ("text in names", False),
        ("now.getHours(zone)", "error:null_value"),
    ],
    "conversions": [
        ("int('-12')", -12),
        ("int(2.9)", 2),
        ("int(-2.9)", -2),
        ("int(1e30)", "error:overflow"),
        ("int(0.0 / 0.0)", "error:overflow"),
        ("int('1.5')", "error:bad_conversion"),
        ("int(' 1')", "error:bad_conversion"),
        ("int('99999999999999999999')", "error:overflow"),
        ("int(facts.gift)", "error:no_such_overload"),
        ("double(2)", 2.0),
        ("double('1e3')", 1000.0),
        ("double('1_0')", "error:bad_conversion"),
        ("string(1)", "1"),
        ("string(1.5)", "1.5"),
        ("string(2.0)", "2"),
        ("string(true)", "true"),
        ("string(facts.items)", "3"),
        ("bool('true')", True),
        ("bool('yes')", "error:bad_conversion"),
        ("int(timestamp('1970-01-01T00:01:00Z'))", 60),
        ("string(now)", "2023-11-14T22:13:20.123Z"),
        ("string(timestamp('0099-01-02T03:04:05Z'))", "0099-01-02T03:04:05Z"),
        ("string(duration('-1m30.5s'))", "-90.5s"),
        ("timestamp(facts.order_id)", "error:bad_conversion"),
        ("duration(facts.order_id)", "error:bad_conversion"),
    ],
    "times": [
        ("timestamp('2023-11-14T22:13:20.123Z') == now", True),
        ("timestamp('2023-11-14T23:13:20.123456+01:00') == now", True),
        ("timestamp(1700000000) < now", True),
        ("timestamp(facts.items)", 3000),
        ("duration('1h30m')", 5_400_000),
        ("duration('1.5h') == duration('90m')", True),
        ("duration('250ms')", 250),
        ("duration('-5s') + duration('5s')", 0),
        ("now - duration('123ms')", 1_700_000_000_000),
        ("duration('1s') + now > now", True),
        ("now - timestamp('2023-11-14T22:13:20Z') == duration('123ms')", True),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "error:overflow"),
        ("duration('9223372036854775807ms') + duration('1s')", "error:overflow"),
        ("now.getFullYear()", 2023),
        ("now.getMonth()", 10),
        ("now.getDate()", 14),
        ("now.getDayOfMonth()", 13),
        ("now.getDayOfWeek()", 2),
        ("now.getDayOfYear()", 317),
        ("now.getHours()", 22),
        ("now.getMinutes()", 13),
        ("now.getSeconds()", 20),
        ("now.getMilliseconds()", 123),
        ("now.getHours('America/New_York')", 17),
        ("now.getDayOfWeek('Asia/Tokyo')", 3),
        ("now.getHours('+05:30')", 3),
        ("now.getHours('-02:00')", 20),
        ("now.getHours('Nowhere/Land')", "error:bad_timezone"),
        ("now.getHours('/etc/passwd')", "error:bad_timezone"),
        ("now.getHours('')", "error:bad_timezone"),
        ("now.getHours('+99:00')", "error:bad_timezone"),
        ("timestamp('9999-12-31T23:59:59Z').getHours('+02:00')", "error:overflow"),
        ("duration('90m').getHours()", 1),
        ("duration('-90m').getMinutes()", -90),
        ("duration('1m').getSeconds()", 60),
        ("duration('1.25s').getMilliseconds()", 250),
        ("[now].exists(t, t < now + duration('1s'))", True),
    ],
}
LINES = [(feature, *line) for feature, lines in TABLES.items() for line in lines]


@pytest.mark.parametrize(
    ("feature", "text", "wanted"), LINES, ids=[f"{line[0]}: {line[1]}" for line in LINES]
)
def test_value(feature: str, text: str, wanted: Any) -> None:
    found = result(text)
    assert same(found, wanted), f"{feature}: {text} gave {found!r}, not {wanted!r}"


def test_a_text_that_is_there_is_searched() -> None:
    assert result("text.matches('(?i)too (big|small)')", text="It is TOO BIG") is True
    assert result("text.contains('big')", text="small") is False


def test_a_value_that_is_not_of_its_declared_type_is_a_failure() -> None:
    assert result("price < 3.0", price="cheap") == "error:wrong_value"
    assert result("'a' in names", names=3) == "error:wrong_value"
