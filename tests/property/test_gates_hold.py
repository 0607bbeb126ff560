"""What gates promise, over events, receipts, merges, unmerges, repeats and time in any interleaving.

- No cap is exceeded: of what was sent to a customer and to those merged into them, without what has failed.
- Nothing is sent without the consent that the customer has given at that time.
- Nothing is sent in quiet hours by the customer's own clock, or by the brand's where theirs is not known.
- Nothing is sent in the middle of a call but answers on the channel on which the customer does something.
- One thing of a moment demands attention, and of an exclusive group one strategy acts.

The world here is a plain list of what was sent, when and to whom; it knows nothing of ledgers.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

from domain_values import DAY, HOUR, MINUTE, NOW, event, profile
from hypothesis import given, settings
from hypothesis import strategies as st
from interleaved import Interleaved

from pipeline.domain.actions import ATTENTION
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    IdentityLink,
    MergeRequested,
    ReceiptStatus,
)
from pipeline.domain.replay import Message
from pipeline.domain.requests import UnmergeRequested
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Rules

BRAND_ZONE = "America/New_York"
BRAND = f"""
brand: Northwind
timezone: {BRAND_ZONE}
quiet_hours: {{from: "21:00", to: "08:00"}}
caps: [{{times: 2, per: 1d}}]
templates:
  hello: {{default: {{en: hello}}}}
"""


def strategy(
    name: str, lane: str, moment: str, more: str = "", offer: str = "", channel: str = "preferred"
) -> str:
    action = "suggest_offer" if offer else "send_message"
    return f"""
strategy: {name}
version: 1
title: A strategy
lane: {lane}
entry: {{on: web.{name}}}
key: event.event_id
{more}
steps:
  - id: tell
    {moment}
    do: [{{{action}: {{template: hello, channel: {channel}{offer}}}}}]
"""


OFFER = ", offer_id: o"
NIGHTLY = 'quiet_hours: {from: "22:30", to: "06:00", then: drop}'
LIVE = compile_rules(
    {
        "news.yaml": strategy(
            "news", "proactive", "on: entry", "caps: [{times: 1, per: 6h, channel: sms}]", channel="sms"
        ),
        "offer.yaml": strategy("offer", "proactive", "after: 3h", offer=OFFER),
        "more.yaml": strategy("more", "proactive", "on: entry", "exclusive: push", offer=OFFER),
        "most.yaml": strategy("most", "proactive", "after: 1h", "exclusive: push"),
        "parcel.yaml": strategy(
            "parcel", "transactional", "on: entry", f"caps: [{{times: 2, per: 1d}}]\n{NIGHTLY}"
        ),
    },
    BRAND,
    "brand.yaml",
)
assert isinstance(LIVE, Rules), LIVE
CAPS = {"news": (1, 6 * HOUR, "sms"), "parcel": (2, DAY, None)}
"""Of each strategy: how many, in how long, and on which channel."""
QUIET = {"parcel": (22 * 60 + 30, 6 * 60)}
CHANNELS = ("sms", "web")
KINDS = ("news", "offer", "more", "most", "parcel", "page_viewed")
KNOWN = ("C-1", "C-2", "C-3")
DEVICES = [Identifier("device", f"d-{at}") for at in range(3)]
ADDRESSES = [Identifier("phone", f"+4420794600{at}", "verified") for at in (18, 19, 20)]
ZONES = (None, "Europe/Berlin", "Asia/Kathmandu", "Mars/Base")
NIGHTS = ("2026-03-07T20:00", "2026-03-28T18:00", "2026-10-24T18:00", "2026-10-31T18:00")
"""Evenings before the clock is changed, in the brand's zone or a customer's."""
STATUSES: tuple[ReceiptStatus, ...] = ("accepted", "sent", "delivered", "failed", "failed", "unknown")


def login(customer_id: str) -> Identifier:
    return Identifier("customer_number", customer_id, "verified")


class Watched(Interleaved):
    """Notes who hands over to another customer for the first time, and how many commands there were by then."""

    handed: dict[str, int]

    def step(self, message: Message) -> list[Message]:
        """Handle one message."""
        left = super().step(message)
        if isinstance(message, MergeRequested) and self.merged_into(message.loser) is not None:
            self.handed.setdefault(message.loser, len(self.commands))
        return left


class World:
    """People do things that strategies care about; systems tell of them, join and part them; time goes on."""

    def __init__(self, seed: int) -> None:
        assert isinstance(LIVE, Rules)
        self.random = Random(seed)
        nights = [int(datetime.fromisoformat(f"{night}Z").timestamp() * 1000) for night in NIGHTS]
        self.replay = Watched(LIVE, self.random.choice([NOW, *nights]), self.random.choice)
        self.replay.handed = {}
        self.done: list[Interaction] = []
        self.failed: set[str] = set()
        for number in KNOWN:
            self.tell(number, {f"marketing/{channel}": True for channel in CHANNELS}, None)

    def go_on(self, turns: int) -> None:
        """So many things happen; in between, messages are handled and time passes."""
        happenings = (self.come, self.come, self.come, self.call, self.report, self.repeat, self.meet)
        rare = (self.change_their_mind, self.join, self.part)
        for _ in range(turns):
            self.random.choice(self.random.choice((happenings, happenings, happenings, rare)))()
            for _ in range(self.random.randrange(6)):
                sent = len(self.replay.commands)
                self.replay.run(1)
                self.check(sent)
            if self.random.random() < 0.4:
                self.wait(self.random.choice((1, 20, 90, 7 * 60)))

    def tell(self, number: str, consent: dict[str, bool], zone: str | None) -> None:
        """What the system of record says of a customer."""
        address, at = ADDRESSES[KNOWN.index(number)], self.replay.now
        self.replay.put(profile(number, updated_at=at, identifiers=[address], consent=consent, timezone=zone))

    def change_their_mind(self) -> None:
        """A customer grants or refuses something, or moves."""
        channels = [name for name in CHANNELS if self.random.random() < 0.8]
        consent = {f"marketing/{name}": self.random.random() < 0.8 for name in channels}
        consent["service/sms"] = self.random.random() < 0.8
        self.tell(self.random.choice(KNOWN), consent, self.random.choice(ZONES))

    def come(self) -> None:
        """Somebody does something on the web, and may log in or give a number."""
        self.happens(self.random.choice(KINDS), "web", [self.random.choice(DEVICES)], 0.4)

    def meet(self) -> None:
        """Somebody logs in: their device is known from then on."""
        self.happens("page_viewed", "web", [self.random.choice(DEVICES)], 1.0)

    def call(self) -> None:
        """A call goes on, or ends."""
        self.happens("call", "voice", [], 1.0, ended=self.random.random() < 0.6)

    def happens(
        self, kind: str, channel: str, named: list[Identifier], known: float, ended: bool = False
    ) -> None:
        """An event of somebody, who says who they are with the probability `known`."""
        if self.random.random() < known:
            named = [*named, login(self.random.choice(KNOWN))]
        name = f"e{len(self.done)}"
        self.done.append(event(name, self.replay.now, kind, channel, identifiers=named, ended=ended))
        self.replay.put(self.done[-1])

    def repeat(self) -> None:
        """An event comes again."""
        if self.done:
            self.replay.put(self.random.choice(self.done[-40:]))

    def report(self) -> None:
        """A receipt for a command, the first or another one."""
        if not self.replay.commands:
            return
        command = self.random.choice(self.replay.commands[-8:])
        status = self.random.choice(STATUSES)
        if status == "failed":
            self.failed.add(command.action_id)
        told = ActionReceipt(
            action_id=command.action_id,
            customer_id=command.customer_id,
            status=status,
            at=self.replay.now,
        )
        self.replay.put(*[told] * self.random.choice((1, 1, 2)))

    def join(self) -> None:
        """The system of record says that two numbers are one customer's."""
        loser, winner = self.random.sample(KNOWN, 2)
        at = self.replay.now
        self.replay.put(
            IdentityLink(identifier=login(loser), customer_id=winner, known=True, source="crm", linked_at=at)
        )

    def part(self) -> None:
        """An adviser undoes a merge."""
        merged = [(one, into) for one, into in self.replay.parents().items() if into is not None]
        if merged:
            loser, winner = self.random.choice(merged)
            at = self.replay.now
            self.replay.put(
                UnmergeRequested(loser=loser, winner=winner, rule="wrong", by="ada", requested_at=at)
            )

    def wait(self, minutes: int) -> None:
        """Time passes from deadline to deadline, so that a command is looked at before the next one is decided."""
        end = self.replay.now + minutes * MINUTE
        while self.replay.now < end:
            sent = len(self.replay.commands)
            self.replay.advance(min(end, self.next_due()))
            self.check(sent)

    def next_due(self) -> int:
        """When the next deadline falls due."""
        states = map(self.replay.customer, self.replay.customers())
        dues = [one.next_due for one in states if one is not None and one.next_due is not None]
        return max(min(dues, default=2**62), self.replay.now + 1)

    def check(self, sent: int) -> None:
        """What was sent since the last look keeps all promises."""
        commands = self.replay.commands
        for at in range(sent, len(commands)):
            state = self.replay.customer(commands[at].customer_id)
            assert state is not None
            self.check_consent(state, commands[at])
            self.check_quiet(state, commands[at])
            self.check_caps(state, commands[: at + 1])
            self.check_call(state, commands[at])
            self.check_exclusive(state, commands[at])
        demanding = Counter(
            (one.customer_id, one.decided_at) for one in commands[sent:] if one.kind in ATTENTION
        )
        assert all(times == 1 for times in demanding.values())

    def check_consent(self, state: CustomerState, command: ActionCommand) -> None:
        consent = state.profile.consent if state.profile else {}
        if command.lane == "proactive":
            assert consent.get(f"marketing/{command.body.channel}")
        else:
            assert consent.get(f"service/{command.body.channel}", True)

    def check_quiet(self, state: CustomerState, command: ActionCommand) -> None:
        own = state.profile.timezone if state.profile else None
        zone = ZoneInfo(BRAND_ZONE if own in (None, "Mars/Base") else own)
        local = datetime.fromtimestamp(command.decided_at / 1000, UTC).astimezone(zone)
        start, end = QUIET.get(command.strategy_id, (21 * 60, 8 * 60))
        assert end <= local.hour * 60 + local.minute < start

    def check_call(self, state: CustomerState, command: ActionCommand) -> None:
        calls = [one for one in state.going_on.values() if one.channel == "voice" and not one.ended]
        answers = command.lane == "transactional" and command.body.channel == "web"
        assert answers or all(command.decided_at - one.last_at >= 4 * HOUR for one in calls)

    def check_exclusive(self, state: CustomerState, command: ActionCommand) -> None:
        own = state.attempts[f"{command.strategy_id}|{command.attempt_key}"]
        begun = {
            (one.strategy_id, one.attempt_key): one.decided_at
            for one in self.replay.decisions
            if (one.step, one.outcome) == ("entry", "fired")
        }
        for other in state.attempts.values():
            if {own.strategy_id, other.strategy_id} == {"more", "most"} and other.ended_at is None:
                just_begun = begun[other.strategy_id, other.key] == command.decided_at
                assert just_begun or own.started_at <= other.started_at

    def check_caps(self, state: CustomerState, commands: list[ActionCommand]) -> None:
        last, theirs = commands[-1], self.sent_to(state, commands)
        if last.strategy_id in CAPS:
            times, per, channel = CAPS[last.strategy_id]
            own = [one for one in theirs if one.strategy_id == last.strategy_id]
            counted = [one for one in own if channel in (None, one.body.channel)]
            assert sum(one.decided_at > last.decided_at - per for one in counted) <= times
        if last.lane == "proactive":
            counted = [one for one in theirs if one.lane == "proactive"]
            assert sum(one.decided_at > last.decided_at - DAY for one in counted) <= 2

    def sent_to(self, state: CustomerState, commands: list[ActionCommand]) -> list[ActionCommand]:
        """What was sent to a customer, and to those merged into them before they were, and has not failed.

        A command that comes again has the same id, so it is carried out once. After a merge that was undone it may
        be another customer's; whose it counts for is not asked then.
        """
        decided = Counter(
            action_id for action_id, _ in {(one.action_id, one.customer_id) for one in commands}
        )
        first: dict[str, ActionCommand] = {}
        for at, one in enumerate(commands):
            merged = one.customer_id in state.absorbed and at < self.replay.handed[one.customer_id]
            if (merged or one.customer_id == state.customer_id) and decided[one.action_id] == 1:
                first.setdefault(one.action_id, one)
        return [one for one in first.values() if one.action_id not in self.failed]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_no_interleaving_breaks_a_promise(seed: int) -> None:
    World(seed).go_on(150)


def test_there_is_something_to_keep_them_against() -> None:
    """All that could break a promise happens in such worlds, and every gate has something to do."""
    happened: Counter[str] = Counter()
    for seed in range(10):
        world = World(seed)
        world.go_on(150)
        happened.update(one.strategy_id for one in world.replay.commands)
        happened.update(one.outcome for one in world.replay.changes)
        happened.update(one.reasons[-1].rule for one in world.replay.decisions if one.outcome == "suppressed")
        happened["failed"] += len(world.failed)
    assert (
        not {
            *("news", "offer", "more", "most", "parcel"),
            *("consent", "quiet_hours", "interaction", "caps", "arbitration"),
            *("merged", "unmerged", "failed"),
        }
        - happened.keys()
    )
