"""The strategies of the whole-pipeline benchmark: the shipped pack, and as many variations as are asked for.

A variation is one of sixteen families with limits, places and waits of its own. The first three of a family listen
to the events that customers cause all the time; of those after them every eighth does, and the others to events
that do not happen here: a business with ten times the strategies has most of them for what is seldom.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pipeline.pack import STRATEGIES

_COMMON = 3
_EVERY = 8
_WAITS = ("20s", "45s", "2m", "5m", "30m", "2h")
_COUNTRIES = ("GB", "DE", "FR", "SE")
_HELP = {"template": "form_help", "channel": "in_use"}

Form = dict[str, Any]


def write_strategies(directory: Path, count: int, common: int | None = None) -> None:
    """Write `count` strategy files: the shipped pack, then variations; fewer than the pack cuts it short.

    With `common`, all beyond so many listen to events that do not happen.
    """
    directory.mkdir(parents=True, exist_ok=True)
    shipped = sorted(STRATEGIES.glob("*.yaml"))[:count]
    for path in shipped:
        (directory / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    for number in range(count - len(shipped)):
        form = variation(number, rare=common is not None and number + len(shipped) >= common)
        text = yaml.safe_dump(form, sort_keys=False, allow_unicode=True)
        (directory / f"{form['strategy']}.yaml").write_text(text, encoding="utf-8")


def variation(number: int, rare: bool = False) -> Form:
    """The strategy with this number (from 0), always the same; a `rare` one never has an event to listen to."""
    family, nth = _FAMILIES[number % len(_FAMILIES)], number // len(_FAMILIES)
    common = not rare and (nth < _COMMON or nth % _EVERY == 0)
    form = family(nth, "" if common else f"_{nth}")
    name = family.__name__.strip("_").replace("_", "-")
    return {"strategy": f"{name}-{nth}", "version": 1, "title": f"{name}, variation {nth}", **form}


def _wait(nth: int) -> str:
    return _WAITS[nth % len(_WAITS)]


def _once(lane: str, on: list[str], when: list[str], do: Form, key: str = "thread.thread_id") -> Form:
    """A strategy that acts at once."""
    return {
        "lane": lane,
        "entry": {"on": on, "when": when},
        "key": key,
        "steps": [{"id": "act", "on": "entry", "do": [do]}],
    }


def _page_help(nth: int, rare: str) -> Form:
    when = [f'has(event.attributes.page) && event.attributes.page == "/help/{nth}"', "session.events >= 3"]
    do = {"suggest_article": {**_HELP, "article_id": f"article-{nth}"}}
    return _once("service_reply", [f"web.page_viewed{rare}"], when, do, "session.session_id")


def _app_page_help(nth: int, rare: str) -> Form:
    when = [
        f'has(event.attributes.page) && event.attributes.page == "/help/{nth}"',
        "customer.known && history.contacts >= 2",
    ]
    do = {"offer_chat": {**_HELP, "skill": f"topic-{nth}"}}
    return _once("service_reply", [f"mobile_app.page_viewed{rare}"], when, do, "session.session_id")


def _interest(nth: int, rare: str) -> Form:
    when = [
        f'has(event.attributes.category) && event.attributes.category == "category-{nth}"',
        f"customer.value >= {200 + 100 * (nth % 9)}.0 && interaction.events >= 3",
    ]
    do = {"suggest_offer": {**_HELP, "offer_id": f"offer-{nth}"}}
    return _once("proactive", [f"*.product_viewed{rare}"], when, do, "session.session_id")


def _cart_left(nth: int, rare: str) -> Form:
    return {
        "lane": "proactive" if nth % 2 else "transactional",
        "entry": {
            "on": [f"*.cart_updated{rare}"],
            "when": [
                f"has(event.attributes.total) && event.attributes.total >= {150 + 40 * (nth % 12)}.0",
                f'customer.tier == "{("gold", "silver")[nth % 2]}"',
            ],
        },
        "key": "event.interaction_id",
        "steps": [
            {
                "id": "remind",
                "absent": ["*.checkout_step", "order.order_placed"],
                "since": [f"*.cart_updated{rare}"],
                "for": _wait(nth),
                "do": [{"send_message": {"template": "form_help"}}],
            }
        ],
        "exits": [{"on": ["order.order_placed"]}],
    }


def _payment_help(nth: int, rare: str) -> Form:
    when = [
        'has(event.attributes.step) && event.attributes.step == "payment"',
        f"customer.value >= {300 + 150 * (nth % 8)}.0",
        '!("voice" in session.channels)',
    ]
    return _once(
        "service_reply", [f"web.checkout_step{rare}"], when, {"offer_chat": _HELP}, "session.session_id"
    )


def _form_left(nth: int, rare: str) -> Form:
    return {
        "lane": "service_reply",
        "entry": {
            "on": [f"*.form_started{rare}"],
            "when": f'has(event.attributes.form) && event.attributes.form == "form-{nth}"',
        },
        "key": "event.interaction_id",
        "max_age": "30m",
        "lifetime": "1d",
        "steps": [
            {
                "id": "help",
                "absent": ["*.form_submitted", "*.form_abandoned"],
                "since": [f"*.form_started{rare}", "*.form_field"],
                "for": _wait(nth),
                "do": [{"offer_chat": _HELP}],
            }
        ],
    }


def _complaint(nth: int, rare: str) -> Form:
    words = ("broken|torn", "late|still waiting", "refund|money back", "rude", "colou?r", "never again")
    when = [f'event.text.matches("(?i){words[nth % len(words)]}")', f"history.contacts >= {nth % 4}"]
    do = {"create_ticket": {"subject": f"Complaint {nth}", "priority": 1 + nth % 3, "text": "=event.text"}}
    return _once("service_reply", [f"social.message{rare}", f"email.message{rare}"], when, do)


def _chat_route(nth: int, rare: str) -> Form:
    when = [
        f"customer.value >= {400 + 200 * (nth % 6)}.0 || size(thread.steps_done) > {nth % 3}",
        f'event.text.matches("(?i){("human|person", "adviser", "cancel", "legal", "damage", "invoice")[nth % 6]}")',
    ]
    do = {"route_to_adviser": {"skill": f"skill-{nth}", "priority": 1 + nth % 5, "wait_limit_s": 60}}
    return _once("service_reply", [f"chat.message{rare}", f"chatbot.message{rare}"], when, do)


def _call_context(nth: int, rare: str) -> Form:
    when = [f"history.contacts >= {2 + nth % 5} && customer.known", "size(thread.facts) > 0"]
    do = {"show_context": {"title": f"Seen before ({nth})", "context": {"thread": "=thread.thread_id"}}}
    return _once("service_reply", [f"voice.call_started{rare}"], when, do, "event.interaction_id")


def _delivered(nth: int, rare: str) -> Form:
    return {
        "lane": "transactional",
        "entry": {
            "on": [f"order.order_delivered{rare}"],
            "when": [
                f'has(event.attributes.country) && event.attributes.country == "{_COUNTRIES[nth % 4]}"',
                "string(event.facts.order_id) in history.orders",
            ],
        },
        "key": "string(event.facts.order_id)",
        "steps": [
            {
                "id": "note",
                "on": "entry",
                "do": [
                    {
                        "update_record": {
                            "record": "delivery",
                            "record_id": "=string(event.facts.order_id)",
                            "fields": {"status": "delivered"},
                        }
                    }
                ],
            },
            {
                "id": "ask",
                "after": _wait(nth + 3),
                "since": "note",
                "do": [{"send_message": {"template": "form_help"}}],
            },
        ],
        "exits": [{"on": ["*.form_submitted"], "when": "has(thread.facts.order_id)"}],
    }


def _order_lost(nth: int, rare: str) -> Form:
    return {
        "lane": "transactional",
        "entry": {
            "on": [f"order.order_shipped{rare}"],
            "when": f'has(event.attributes.carrier) && event.attributes.carrier == "carrier-{nth}"',
        },
        "key": "string(event.facts.order_id)",
        "steps": [
            {
                "id": "ask",
                "absent": ["order.order_delivered", "order.parcel_scanned"],
                "since": "entry",
                "for": _wait(nth + 4),
                "do": [{"escalate": {"to": "logistics", "reason": "no scan"}}],
            }
        ],
    }


def _article_call(nth: int, rare: str) -> Form:
    when = [
        f'has(event.attributes.article) && event.attributes.article == "article-{nth}"',
        "interaction.events >= 2 && customer.value >= 250.0",
    ]
    return _once("service_reply", [f"knowledge_base.article_viewed{rare}"], when, {"offer_callback": _HELP})


def _welcome(nth: int, rare: str) -> Form:
    when = [
        f'customer.tier == "{("gold", "silver", "basic")[nth % 3]}" && customer.value >= {500 + 250 * nth}.0',
        f"history.threads_opened > history.threads_resolved + {nth % 3}",
    ]
    do = {
        "push_page": {"interaction_id": "=event.interaction_id", "url": f"https://shop.example.com/hi/{nth}"}
    }
    return _once("service_reply", [f"*.login{rare}"], when, do, "session.session_id")


def _bad_review(nth: int, rare: str) -> Form:
    when = [
        f"has(event.attributes.stars) && event.attributes.stars <= {1 + nth % 3}",
        f"history.contacts > {nth}",
    ]
    do = {"escalate": {"to": f"team-{nth}", "reason": "bad review"}}
    return _once("service_reply", [f"review.posted{rare}"], when, do, "event.interaction_id")


def _search_fails(nth: int, rare: str) -> Form:
    when = [
        "has(event.attributes.results) && event.attributes.results == 0",
        f"interaction.events >= {3 + nth} && customer.known",
    ]
    return _once("service_reply", [f"*.search{rare}"], when, {"offer_chat": _HELP}, "session.session_id")


def _form_known(nth: int, rare: str) -> Form:
    when = [
        f'has(event.attributes.form) && event.attributes.form == "form-{nth}"',
        f"has(thread.facts.order_id) && customer.value >= {100 * nth}.0",
    ]
    do = {"create_ticket": {"subject": f"Form {nth}", "priority": 3, "text": "=thread.thread_id"}}
    return _once("transactional", [f"*.form_submitted{rare}"], when, do)


_FAMILIES: tuple[Callable[[int, str], Form], ...] = (
    _page_help,
    _cart_left,
    _form_left,
    _complaint,
    _delivered,
    _interest,
    _chat_route,
    _call_context,
    _app_page_help,
    _payment_help,
    _order_lost,
    _article_call,
    _welcome,
    _bad_review,
    _search_fails,
    _form_known,
)
