"""Texts that would hang a worker, fill its memory or get at its insides are refused; what is left is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError

from pipeline.domain.failures import Failure
from pipeline.domain.state import Customer
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.templates import MAX_SUBJECT, Brand, load_brand
from pipeline.domain.text_rules import MAX_TEXT, PLAIN, breaches

ATTACKS = [
    "{{ 9 ** 9 ** 9 }}",
    '{{ "x" * 10 ** 9 }}',
    '{{ "x" * 1000000000 }}',
    '{{ "%999999999d" % 1 }}',
    '{{ "x" | center(1000000000) }}',
    "{{ 5 | round(-1000000000) }}",
    "{{ [1, 2] | map('string') | list }}",
    "{% set x = 'xx' %}{{ x }}",
    "{% set x %}xx{% endset %}{{ x }}",
    "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    "{% for a in text %}{% for b in text %}x{% endfor %}{% endfor %}",
    "{% for a in text %}{% if a %}{% for b in text %}x{% endfor %}{% endif %}{% endfor %}",
    "{% for a in text recursive %}{{ loop(a) }}{% endfor %}",
    "{{ range(1000000000) }}",
    "{{ customer.name.ljust(1000000000) }}",
    "{{ '{0.__class__}'.format(customer) }}",
    "{{ lipsum(n=100000) }}",
    "{{ cycler('a') }}",
    "{{ customer.name | safe }}",
    "{% include 'other' %}",
    "{% extends 'other' %}",
    "{% filter upper %}x{% endfilter %}",
    "{{ text | attr('__class__') }}",
    "x" * (MAX_TEXT + 1),
    "{{ " + "9" * 5_000 + " }}",
    "{{ " + " + ".join(["text"] * 3_000) + " }}",
    "{% if text %}" * 500 + "{% endif %}" * 500,
    "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}",
]


@pytest.mark.parametrize("text", ATTACKS, ids=lambda text: text[:40])
def test_an_attack_is_refused_with_what_to_do(text: str) -> None:
    found = list(breaches(text))
    assert found
    assert all(message and remedy for message, remedy in found)


def test_the_loop_of_a_text_ends_with_its_channels_length() -> None:
    """One loop over a value is let in, and may be as long as the value is."""
    assert not list(breaches("{% for a in text %}{{ text }}{% endfor %}"))
    brand = one_text("{% for a in text %}{{ text }}{% endfor %}")
    rendered = brand.render("hello", "sms", None, {"text": "x" * 16_000})
    assert isinstance(rendered, Failure)
    assert rendered.code == "too_long"


@pytest.mark.parametrize(
    "text",
    [
        '{{ text | replace("x", text) }}',
        "{{ text | join(text) }}",
        '{{ "%s" | format(text) | replace("", text) }}',
    ],
)
def test_no_filter_makes_much_of_little(text: str) -> None:
    assert not list(breaches(text))
    rendered = one_text(text).render("hello", "sms", None, {"text": "x" * 16_000})
    assert isinstance(rendered, Failure)
    assert rendered.code == "bad_template"


@pytest.mark.parametrize(
    ("pattern", "text"), [("%.2f", "3.50"), ("%d %%", "3 %"), ("%5.1f|", "  3.5|"), ("%s", "3.5")]
)
def test_numbers_are_written_as_a_person_does(pattern: str, text: str) -> None:
    rendered = one_text(f'{{{{ "{pattern}" | format(3.5) }}}}|').render("hello", "sms", None, {})
    assert not isinstance(rendered, Failure)
    assert rendered.text == f"{text}|".strip()


@pytest.mark.parametrize("pattern", ["%999d", "%*d", "%.999f", "%c", "%(x)s", "%"])
def test_a_width_without_end_is_a_failure(pattern: str) -> None:
    rendered = one_text(f'{{{{ "{pattern}" | format(3) }}}}').render("hello", "sms", None, {})
    assert isinstance(rendered, Failure)


def test_a_subject_is_bounded_too() -> None:
    brand = one_text('{email: {en: {subject: "{{ text }}", text: x}}}', whole=True)
    rendered = brand.render("hello", "email", None, {"text": "x" * (MAX_SUBJECT + 1)})
    assert isinstance(rendered, Failure)
    assert rendered.code == "too_long"


@given(st.text(alphabet="{}%|() abx_.'\"0123456789[]~+-:,=<>", max_size=60))
def test_any_text_is_refused_or_gives_something_short(text: str) -> None:
    if not list(breaches(text)):
        try:
            rendered = PLAIN.from_string(text).render(a="v", b=[1, 2], x={"a": "b"})
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError):
            return
        assert len(rendered) <= MAX_TEXT


def one_text(text: str, whole: bool = False) -> Brand:
    quoted = text if whole else "{default: {en: '" + text.replace("'", "''") + "'}}"
    brand = load_brand(f"brand: B\ntemplates:\n  hello: {quoted}\n", "b.yaml")
    assert isinstance(brand, Brand), [str(one) for one in brand if isinstance(one, Problem)]
    return brand


def test_a_customers_words_are_no_template() -> None:
    """What a customer writes is put in as it is: nothing in it is carried out."""
    brand = one_text("Hi {{ customer.name }}")
    name = "{{ 7 * 7 }}{% for a in b %}<script>"
    plain = brand.render("hello", "sms", None, {"customer": Customer("C-1", name=name)})
    assert not isinstance(plain, Failure)
    assert plain.text == f"Hi {name}"
    html = brand.render("hello", "email", None, {"customer": Customer("C-1", name=name)})
    assert not isinstance(html, Failure)
    assert "<script>" not in html.text
    assert "7 * 7" in html.text
