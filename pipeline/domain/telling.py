"""Circumstances as events of the customers whom they concern, on which strategies can start.

`circumstance.declared` comes for a customer who has an open session while one is in force for them, whether it
began before their session or in the middle of it, and with each of their events again until a strategy begins an
attempt by it; `circumstance.ended` comes when it is over, for those of whom one has.
"""

from __future__ import annotations

from pipeline.domain.circumstances import Circumstance, in_force
from pipeline.domain.contacts import DAY_MS
from pipeline.domain.ids import new_id
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import Decision, Output
from pipeline.domain.sessions import closing_at
from pipeline.domain.state import TOLD, CustomerState, GoingOn, Session, Thread, customer_view
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.evaluate import on_event
from pipeline.domain.strategies.fields import CIRCUMSTANCE, DECLARED, ENDED
from pipeline.domain.strategies.language import ENTRY
from pipeline.domain.strategies.moment import NO_THREAD, moment_of_event
from pipeline.domain.thread_parts import in_order

_LOOK_AGAIN_MS = DAY_MS
"""How often it is looked whether a circumstance without an end is over."""


def tell(state: CustomerState, now: int, rules: Rules) -> list[Output]:
    """Let circumstances begin and end for the customer; what comes of it."""
    outputs: list[Output] = []
    if state.merged_into is not None:
        state.circumstances = {}
        return outputs
    declared = {one.id: one for one in rules.circumstances}
    for name in list(state.circumstances):
        one = declared.get(name)
        if one is None or _over(one, now):
            del state.circumstances[name]
        else:
            state.circumstances[name] = _look_at(one, now)
        # Of one that nobody remembers there is nothing to say.
        if one is not None and _over(one, now):
            outputs += _happens(state, now, rules, one, ENDED)
    for one in _beginning(state, now, rules):
        came = _happens(state, now, rules, one, DECLARED)
        if any(_begins(output) for output in came):
            state.circumstances[one.id] = _look_at(one, now)
        outputs += came
    return outputs


def _begins(output: Output) -> bool:
    return isinstance(output, Decision) and output.step == ENTRY and output.outcome == "fired"


def concerned(state: CustomerState, now: int, rules: Rules) -> bool:
    """Whether a circumstance could begin for the customer, or is over: whether `tell` has something to do."""
    if state.circumstances:
        going_on = {one.id for one in rules.circumstances if not _over(one, now)}
        if not going_on.issuperset(state.circumstances):
            return True
    return bool(_beginning(state, now, rules))


def _beginning(state: CustomerState, now: int, rules: Rules) -> list[Circumstance]:
    """Those that concern the customer, who is with us, and have not begun for them."""
    if not state.sessions or (CIRCUMSTANCE, DECLARED) not in rules.index:
        return []
    session = _open_session(state, now)
    new = [one for one in rules.circumstances if one.id not in state.circumstances]
    if session is None or not new:
        return []
    about = (customer_view(state), state.history, _thread(state, session) or NO_THREAD, session)
    names = set(in_force(new, now, about))
    return [one for one in new if one.id in names][: TOLD - len(state.circumstances)]


def _open_session(state: CustomerState, now: int) -> Session | None:
    session = state.session
    return session if session is not None and closing_at(state, session) > now else None


def _thread(state: CustomerState, session: Session | None) -> Thread | None:
    """What the customer spoke of in the session; an open thread before others."""
    if session is None:
        return None
    spoken = [thread for thread in state.threads if thread.last_at >= session.started_at]
    return next(iter(in_order(spoken)), None)


def _latest(state: CustomerState) -> GoingOn | None:
    return max(
        (one for one in state.going_on.values() if not one.ended),
        key=lambda one: (one.last_at, one.channel, one.interaction_id),
        default=None,
    )


def _over(one: Circumstance, now: int) -> bool:
    return one.until_at is not None and one.until_at <= now


def _look_at(one: Circumstance, now: int) -> int:
    return now + _LOOK_AGAIN_MS if one.until_at is None else one.until_at


def _happens(state: CustomerState, now: int, rules: Rules, one: Circumstance, kind: str) -> list[Output]:
    if (CIRCUMSTANCE, kind) not in rules.index:
        return []
    session = _open_session(state, now)
    event = Interaction(
        event_id=new_id(CIRCUMSTANCE, state.customer_id, one.id, kind, session.session_id if session else ""),
        channel=CIRCUMSTANCE,
        kind=kind,
        interaction_id=one.id,
        occurred_at=now,
        received_at=now,
        source="circumstances",
        identifiers=[],
        subject=one.title,
        text=one.tell,
    )
    moment = moment_of_event(state, rules, now, event, (_latest(state), session, _thread(state, session)))
    on_event(moment)
    return moment.outputs
