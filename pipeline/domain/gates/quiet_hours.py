"""Quiet hours: those of the strategy, or of the brand for what nobody asked for, by the customer's own clock."""

from __future__ import annotations

from pipeline.domain.gates.asking import TIME, Answer, Asked, Hold
from pipeline.domain.local_time import clock, is_zone, next_at, shown
from pipeline.domain.messages import Reason
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.policy import QuietHours
from pipeline.domain.templates import Brand


def quiet_hours_gate(asked: Asked) -> Answer:
    """Holds (or stops, as the strategy says) what is sent to the customer, until their clock shows the end."""
    wish, moment = asked.wish, asked.moment
    brand = moment.rules.brand
    quiet = asked.strategy.policy.quiet_hours
    if quiet is None and wish.lane == "proactive":
        quiet = brand.quiet_hours
    if quiet is None or wish.channel is None:
        return None
    zone, unknown = zone_of(moment.state, brand)
    if not is_quiet(quiet, moment.now, zone):
        return None
    values = {"quiet": _words(quiet), "zone": zone, "local": shown(moment.now, zone), **unknown}
    if not quiet.hold:
        return Reason(rule="quiet_hours", held=False, values=values)
    until = next_at(quiet.end_min, moment.now, zone)
    values["until"] = shown(until, zone)
    return Hold(Reason(rule="quiet_hours", held=False, values=values), until, TIME)


def is_quiet(quiet: QuietHours, now: int, zone: str) -> bool:
    """Whether a clock in the zone shows a time within the window at `now` (epoch milliseconds)."""
    at = clock(now, zone)
    minute = at.hour * 60 + at.minute
    if quiet.start_min < quiet.end_min:
        return quiet.start_min <= minute < quiet.end_min
    return minute >= quiet.start_min or minute < quiet.end_min


def zone_of(state: CustomerState, brand: Brand) -> tuple[str, dict[str, str]]:
    """The customer's time zone, else the brand's; and what to record when the customer's does not exist."""
    own = state.profile.timezone if state.profile else None
    if own is None or is_zone(own):
        return own or brand.timezone, {}
    return brand.timezone, {"customer.timezone": f"{own!r} is not a time zone"}


def _words(quiet: QuietHours) -> str:
    start, end = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in (quiet.start_min, quiet.end_min))
    return f"{start} to {end}"
