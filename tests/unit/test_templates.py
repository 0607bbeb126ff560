"""The brand file and its texts."""

from __future__ import annotations

import pytest

from pipeline.domain.failures import Failure
from pipeline.domain.state import Customer
from pipeline.domain.strategies.policy import Cap, QuietHours
from pipeline.domain.templates import Brand, Rendered, load_brand

FILE = """
brand: Northwind
language: en
links: {form: https://shop.example.com/form}
templates:
  hello:
    default: {en: "Hello {{ customer.name }}", de: "Hallo {{ customer.name }}"}
    sms: {en: "Hi {{ customer.name }}"}
  mail:
    email: {en: {subject: "For {{ customer.name }}", text: "<p>{{ customer.name }}</p>"}}
"""
MAYA = {"customer": Customer("C-1", name="Maya")}


def brand(text: str = FILE) -> Brand:
    loaded = load_brand(text, "brand.yaml")
    assert isinstance(loaded, Brand), [str(problem) for problem in loaded]
    return loaded


@pytest.mark.parametrize(
    ("channel", "language", "text", "spoken"),
    [
        ("sms", "en", "Hi Maya", "en"),
        ("chat", "en", "Hello Maya", "en"),
        ("sms", "de", "Hallo Maya", "de"),
        ("chat", "fr", "Hello Maya", "en"),
        ("sms", None, "Hi Maya", "en"),
    ],
)
def test_the_text_fits_language_and_channel(
    channel: str, language: str | None, text: str, spoken: str
) -> None:
    assert brand().render("hello", channel, language, MAYA) == Rendered(text, None, spoken)


def test_a_brand_says_what_holds_for_all_its_strategies() -> None:
    plain = brand()
    assert (plain.timezone, plain.quiet_hours, plain.caps) == ("UTC", None, ())
    rich = brand(
        f"{FILE}timezone: Europe/Berlin\nquiet_hours: {{from: '21:00', to: '08:00'}}\n"
        "caps: [{times: 3, per: 7d, channel: sms}]\ncomplaints: [damaged_item]\n"
    )
    assert (rich.timezone, rich.complaints) == ("Europe/Berlin", {"damaged_item"})
    assert rich.quiet_hours == QuietHours(21 * 60, 8 * 60, hold=True)
    assert rich.caps == (Cap(3, 7 * 86_400_000, "sms"),)


def test_texts_of_a_strategy_replace_those_of_the_brand_and_leave_it_as_it_is() -> None:
    own = brand().with_own({"hello": {"default": {"en": "Own"}}})
    assert own.render("hello", "sms", "de", MAYA) == Rendered("Own", None, "en")
    assert own.speaks("mail", "email")
    assert brand().render("hello", "sms", "de", MAYA) == Rendered("Hallo Maya", None, "de")


def test_a_channel_without_text_is_a_failure() -> None:
    assert not brand().speaks("mail", "sms")
    failure = brand().render("mail", "sms", "en", MAYA)
    assert isinstance(failure, Failure)
    assert failure.code == "no_text"


def test_values_are_escaped_in_html_and_nowhere_else_and_a_subject_is_one_line() -> None:
    nasty = {"customer": Customer("C-1", name="<b>\nBcc: x")}
    mail = brand().render("mail", "email", "en", nasty)
    assert isinstance(mail, Rendered)
    assert mail.text == "<p>&lt;b&gt;\nBcc: x</p>"
    assert mail.subject == "For <b> Bcc: x"
    default = brand().render("hello", "email", "en", nasty)
    assert isinstance(default, Rendered)
    assert "&lt;b&gt;" in default.text
    text = brand().render("hello", "sms", "en", nasty)
    assert isinstance(text, Rendered)
    assert "<b>" in text.text


def test_a_missing_value_and_a_text_too_long_are_failures() -> None:
    missing = brand().render("hello", "sms", "en", {})
    assert isinstance(missing, Failure)
    assert missing.code == "bad_template"
    long = brand().render("hello", "sms", "en", {"customer": Customer("C-1", name="x" * 500)})
    assert isinstance(long, Failure)
    assert long.code == "too_long"


def test_texts_reach_nothing_inside() -> None:
    inside = brand(FILE.replace("Hi {{ customer.name }}", "{{ customer.name.__class__.__mro__ }}"))
    assert isinstance(inside.render("hello", "sms", "en", MAYA), Failure)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Hi {{ customer.name }}", "Hi {{ customer.name }", "brand.yaml:8:16: not a valid text"),
        ("Hi {{ customer.name }}", "{{ customer.name | shout }}", "there is no filter 'shout'; did you mean"),
        ("sms:", "fax:", "fax is not a channel"),
        ("sms: {en:", "sms: {de:", "there is no text in en, the brand's language"),
        ("brand: Northwind", "bland: Northwind", "bland is not a setting here"),
        ("language: en", "language: English", "brand.yaml:3:11: language"),
        (
            "language: en",
            "language: en\ntimezone: Europe/Berlinn",
            "brand.yaml:4:11: there is no time zone 'Europe/Berlinn'; did you mean 'Europe/Berlin'?",
        ),
        (
            "language: en",
            "language: en\nquiet_hours: {from: 9pm, to: '08:00'}",
            "brand.yaml:4:21: '9pm' is not a time of day",
        ),
        (
            "language: en",
            "language: en\ncaps: [{times: 3, per: 1d, channel: fax}]",
            "brand.yaml:4:37: 'fax' is not a channel",
        ),
        ("Hi {{ customer.name }}", "Hi {{ customer.nam }}", "customer has no 'nam'; did you mean 'name'?"),
    ],
)
def test_a_mistake_is_said_with_its_place(old: str, new: str, message: str) -> None:
    problems = load_brand(FILE.replace(old, new, 1), "brand.yaml")
    assert isinstance(problems, list)
    assert any(message in str(problem) for problem in problems), [str(problem) for problem in problems]
