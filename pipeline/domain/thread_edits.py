"""Two threads become one, or one becomes two: because an adviser says so, or because two customers are one."""

from __future__ import annotations

from pipeline.domain.attempts import same_attempt
from pipeline.domain.history import ORDER, count_about, uncount_about
from pipeline.domain.ids import new_id
from pipeline.domain.requests import ThreadSplit
from pipeline.domain.state import NAME, STEPS_DONE, TEXT, THREAD_FACTS, CustomerState, Thread, Told, short
from pipeline.domain.thread_parts import (
    CASE,
    ORDER_REF,
    add_adviser,
    add_attachments,
    add_refs,
    in_order,
    is_lasting,
    thread_by_id,
)

UNKNOWN = Told(0, "")


def join_threads(state: CustomerState, thread_id: str, into: str) -> None:
    """Let all that is known of a thread go into another of the customer's; it is found under its old id too.

    The thread is resolved when both were. What a strategy has done for either is not done again.
    """
    gone, stays = thread_by_id(state, thread_id), thread_by_id(state, into)
    if gone is None or stays is None or gone is stays:
        return
    history = state.history
    for one in (gone, stays):
        uncount_about(history, one)
        history.threads_resolved -= one.resolved
    joined = unite(stays, gone)
    joined.resolved = gone.resolved and stays.resolved
    ends = [one.resolved_at for one in (gone, stays) if one.resolved_at is not None]
    joined.resolved_at = max(ends, default=None) if joined.resolved else None
    add_refs(joined, [f"{CASE}:{gone.thread_id}"])
    state.threads = in_order(
        [joined, *(one for one in state.threads if one.thread_id not in (thread_id, into))]
    )
    history.threads_opened -= 1
    history.threads_resolved += joined.resolved
    count_about(history, joined)
    for going_on in state.going_on.values():
        if going_on.thread_id == thread_id:
            going_on.thread_id = into
    _move_attempts(state, thread_id, into)


def join_alike(state: CustomerState) -> None:
    """Join open threads that go by the same case number or order: two customers who turned out to be one told of
    it twice.
    """
    opened = sorted(state.threads, key=lambda one: (one.opened_at, one.thread_id))
    stays: dict[str, str] = {}
    for thread in opened:
        if thread.resolved:
            continue
        lasting = [ref for ref in thread.refs if is_lasting(ref)]
        into = next((stays[ref] for ref in lasting if ref in stays), thread.thread_id)
        stays |= {ref: into for ref in lasting if ref not in stays}
        join_threads(state, thread.thread_id, into)


def split_thread(state: CustomerState, request: ThreadSplit) -> None:
    """Give the interactions that are named a thread of their own, with the facts that were told in them.

    What was done and who handled it stays with the old thread, as does a fact of which it is not known where it was
    told. Interactions that are not the thread's change nothing.
    """
    old = thread_by_id(state, request.thread_id)
    leaving = {key for key in request.interactions if old is not None and key[:NAME] in old.refs}
    if old is None or not leaving:
        return
    keys = {key[:NAME] for key in leaving}
    facts = [name for name, told in old.told.items() if told.by in keys]
    times = [old.told[name].at for name in facts]
    going_on = [state.going_on[key] for key in leaving if key in state.going_on]
    times += [at for one in going_on for at in (one.started_at, one.last_at)]
    own = Thread(
        thread_id=new_id("thread-split", old.thread_id, *sorted(leaving)),
        opened_at=min(times, default=old.opened_at),
        last_at=max(times, default=old.last_at),
        subject=request.subject[:TEXT],
        subject_at=0,
        channels=sorted({key.partition(":")[0] for key in leaving}),
        facts={name: old.facts.pop(name) for name in facts},
        told={name: old.told.pop(name) for name in facts},
    )
    lasting = ((CASE, own.facts.get(CASE)), (ORDER_REF, own.facts.get(ORDER)))
    gone = keys | {short(f"{kind}:{value}") for kind, value in lasting if value is not None}
    # Its own case number keeps it from being taken for part of another thread again.
    own.refs = [f"{CASE}:{own.thread_id}", *(ref for ref in old.refs if ref in gone)]
    old.refs = [ref for ref in old.refs if ref not in gone]
    for one in going_on:
        one.thread_id = own.thread_id
    state.threads = in_order([own, *state.threads])
    state.history.threads_opened += 1
    count_about(state.history, own)


def unite(one: Thread, two: Thread) -> Thread:
    """All that is known of either thread, under the id of `one`; of two facts the one told later is right.

    The same whichever comes first, but for the id.
    """
    earlier, latest = sorted((one, two), key=lambda it: (it.last_at, it.thread_id))
    named = [it for it in (one, two) if it.subject_at is not None]
    subject = min(named, key=lambda it: (it.subject_at or 0, it.subject or ""), default=one)
    surest = min(one, two, key=lambda it: (-it.confidence, it.intent or ""))
    judged = max(one, two, key=lambda it: (it.verdict_at, not it.resolved, -(it.resolved_at or 0)))
    united = Thread(
        thread_id=one.thread_id,
        opened_at=min(one.opened_at, two.opened_at),
        last_at=latest.last_at,
        subject=subject.subject,
        channels=sorted({*one.channels, *two.channels}),
        steps_done=list(dict.fromkeys([*earlier.steps_done, *latest.steps_done]))[-STEPS_DONE:],
        resolved=judged.resolved,
        resolved_at=judged.resolved_at,
        intent=surest.intent,
        confidence=surest.confidence,
        verdict_at=judged.verdict_at,
        subject_at=subject.subject_at,
        counted_as=one.counted_as,
    )
    for thread in (earlier, latest):
        add_refs(united, thread.refs)
        add_attachments(united, thread.attachments)
        for adviser in thread.advisers:
            add_adviser(united, adviser)
    _unite_facts(united, one, two)
    return united


def _unite_facts(united: Thread, one: Thread, two: Thread) -> None:
    facts = [(it.told.get(name, UNKNOWN), name, fact) for it in (one, two) for name, fact in it.facts.items()]
    for told, name, fact in sorted(facts, key=lambda it: (it[0].at, it[0].by, str(it[2]), it[1])):
        if name in united.facts or len(united.facts) < THREAD_FACTS:
            united.facts[name], united.told[name] = fact, told


def _move_attempts(state: CustomerState, thread_id: str, into: str) -> None:
    """Let the attempts about a thread be about the other; where there is one already, the two become one."""
    for name, attempt in list(state.attempts.items()):
        if attempt.thread_id == thread_id:
            attempt.thread_id = into
        if attempt.key != thread_id:
            continue
        del state.attempts[name]
        attempt.key = into
        moved = f"{attempt.strategy_id}|{into}"
        other = state.attempts.get(moved)
        state.attempts[moved] = attempt if other is None else same_attempt(other, attempt)
