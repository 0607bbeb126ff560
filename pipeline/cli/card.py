"""A customer's card on a terminal: now, sessions, threads, history, events, strategies, identity."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Tree = dict[str, Any]

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def print_card(console: Console, answer: Tree, rows: list[Tree], now: int) -> None:
    """Print the answer of a worker about a customer, with rows of their history; `now` is epoch milliseconds."""
    card = answer["customer"]
    console.print(_head(answer, card))
    for title, table in (
        ("Now", _now(card, now)),
        ("Sessions", _sessions(card, now)),
        ("Threads", _threads(card, now)),
        ("History", _history(card, now)),
        ("Events", _events(rows)),
        ("Strategies and actions", _strategies(card)),
        ("Identity", _identity(card, now)),
    ):
        console.print()
        console.print(Text(title, style="bold"))
        console.print(table if table.row_count else Text("  nothing", style="dim"))


def _head(answer: Tree, card: Tree) -> Text:
    profile = card["profile"] or {}
    known = "known" if card["known"] else "provisional"
    parts = [card["customer_id"], profile.get("name"), profile.get("tier"), known]
    head = Text(" · ".join(str(part) for part in parts if part), style="bold")
    if answer["merged_into"]:
        head.append(
            f"\n{answer['asked']} was merged into {' → '.join(answer['merged_into'])}", style="not bold"
        )
    return head


def _grid(*heads: str) -> Table:
    return Table(*heads, box=None, padding=(0, 2, 0, 0), header_style="dim", show_header=bool(heads))


def _add(table: Table, *cells: object) -> None:
    # What customers wrote is no markup; an id that is cut off cannot be asked for.
    table.add_row(*(Text("" if cell is None else str(cell), overflow="fold") for cell in cells))


def _now(card: Tree, now: int) -> Table:
    table = _grid("channel", "since", "last", "doing", "waits in", "adviser")
    for one in card["now"]:
        doing = " at ".join(part for part in (one["kind"], one["step"]) if part)
        queue = None if one["queue"] is None else f"{one['queue']}, {_ago(one['queued_at'], now)}"
        _add(
            table,
            one["channel"],
            _when(one["started_at"]),
            _ago(one["last_at"], now),
            doing,
            queue,
            one["adviser"],
        )
    return table


def _sessions(card: Tree, now: int) -> Table:
    table = _grid("started", "last", "closes", "events", "session")
    for one in card["sessions"]:
        _add(
            table,
            _when(one["started_at"]),
            _ago(one["last_at"], now),
            _when(one["closes_at"]),
            _counts(one["channels"]),
            one["session_id"],
        )
    return table


def _threads(card: Tree, now: int) -> Table:
    table = _grid("thread", "")
    for one in card["threads"]:
        state = f"resolved {_ago(one['resolved_at'], now)}" if one["resolved"] else "open"
        intent = one["intent"] and f"{one['intent']} ({one['confidence']:.0%})"
        lines = {
            "about": " · ".join(part for part in (one["subject"], intent) if part),
            "when": f"{_when(one['opened_at'])}, last {_ago(one['last_at'], now)}, {', '.join(one['channels'])}",
            "facts": _pairs(one["facts"]),
            "done": ", ".join(one["steps_done"]),
            "files": ", ".join(f"{file['uri']} ({file['media_type']})" for file in one["attachments"]),
            "advisers": ", ".join(one["advisers"]),
        }
        _add(table, one["thread_id"], state)
        for label, text in lines.items():
            if text:
                _add(table, f"  {label}", text)
    return table


def _history(card: Tree, now: int) -> Table:
    history = card["history"]
    table = _grid()
    if history["contacts"]:
        channels, threads = _counts(history["channels"]), history["threads_opened"]
        _add(
            table, "contacts", f"{history['contacts']} since {_when(history['first_contact_at'])}: {channels}"
        )
        _add(table, "threads", f"{threads} opened, {history['threads_resolved']} resolved")
    for one in history["about"]:
        told = f"{one['times']} times, {one['resolved']} resolved, last {_ago(one['last_at'], now)}"
        _add(table, f"about {one['about']}", told)
    for one in history["orders"]:
        _add(table, f"order {one['order_id']}", _pairs(one["facts"]))
    if history["last_adviser"]:
        _add(table, "last adviser", history["last_adviser"])
    return table


def _events(rows: list[Tree]) -> Table:
    table = _grid()
    for row in rows:
        late = "late" if row["late"] else None
        told = " · ".join(part for part in (row["channel"], row["kind"], row["subject"], late) if part)
        _add(table, _when(row["occurred_at"]), told)
    return table


def _strategies(card: Tree) -> Table:
    table = _grid()
    for one in card["attempts"]:
        steps = ", ".join(f"{step} {times}x" for step, times in one["done"].items())
        state = "over" if one["ended_at"] else "runs"
        _add(
            table,
            f"{one['strategy_id']} v{one['version']}",
            f"{state}, {one['key']}: {steps or 'no step yet'}",
        )
    for action_id, status in card["actions"].items():
        _add(table, f"action {action_id}", status)
    return table


def _identity(card: Tree, now: int) -> Table:
    table = _grid()
    for one in card["identifiers"]:
        named = f"{one['type']}:{one['value']}"
        _add(table, named, f"{one['assurance']}, seen {_ago(one['last_at'], now)}")
    profile = card["profile"] or {}
    for one in profile.get("identifiers", []):
        _add(table, f"{one['type']}:{one['value']}", "from the system of record")
    for label in ("postcode", "timezone", "language"):
        if profile.get(label):
            _add(table, label, profile[label])
    consent = [f"{'yes' if given else 'no'} to {what}" for what, given in profile.get("consent", {}).items()]
    for label, texts in (
        ("consent", consent),
        ("prefers", [_pairs(card["preferences"])]),
        ("took in", card["absorbed"]),
        ("kept apart from", card["apart"]),
    ):
        if any(texts):
            _add(table, label, ", ".join(texts))
    _add(table, "size", f"{card['bytes']:,} bytes")
    return table


def _pairs(facts: Tree) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _counts(channels: dict[str, int]) -> str:
    return ", ".join(f"{channel} {count}" for channel, count in channels.items())


def _when(at: int | None) -> str:
    """A time in the reader's own zone; times that no calendar holds stay numbers."""
    try:
        return "" if at is None else f"{datetime.fromtimestamp(at / 1_000).astimezone():%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return str(at)


def _ago(at: int | None, now: int) -> str:
    if at is None:
        return ""
    for unit, name in _UNITS:
        if now - at >= unit:
            return f"{(now - at) // unit} {name} ago"
    return "just now"
