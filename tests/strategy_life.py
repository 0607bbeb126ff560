"""Customers in memory whose strategies change, for tests of what becomes of their attempts."""

from __future__ import annotations

from domain_values import NOW, event, identified, rules
from strategy_records import TICKET, release, text

from pipeline.domain.interactions import Identifier
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.domain.releases import StrategyRecord
from pipeline.domain.replay import Replay
from pipeline.domain.strategies.catalogue import Catalogue

CHANGED = TICKET.replace("subject: x", "subject: z")


def steps(do: str, field: str) -> str:
    """At the entry, two hours after it, and with every field, of which the step is called `field`."""
    return f"""
  - {{id: a, on: entry, do: [{do}]}}
  - {{id: b, after: 2h, do: [{do}]}}
  - {{id: {field}, on: web.field, do: [{do}]}}"""


FIRST, SECOND = steps(TICKET, "c"), steps(CHANGED, "d")
RELEASES = [release("s", 1, text("s", 1, FIRST)), release("s", 2, text("s", 2, SECOND))]


class Life:
    """Customers in memory, with a catalogue whose strategies are theirs."""

    def __init__(self, *records: StrategyRecord) -> None:
        self.events = 0
        self.catalogue = Catalogue(rules())
        self.replay = Replay(self.catalogue.rules(), NOW, packed=False)
        self.publish(*RELEASES, *records)

    def publish(self, *records: StrategyRecord) -> None:
        for record in records:
            assert self.catalogue.take(record.key, record) is None
        self.replay.rules = self.catalogue.rules()

    def happens(
        self, kind: str, customer_id: str = "C-1", visit: str = "visit"
    ) -> tuple[list[str], list[str]]:
        """What an event brings: commands as `step@version`, decisions as `step@version outcome`."""
        replay = self.replay
        commands, decisions = len(replay.commands), len(replay.decisions)
        self.events += 1
        device = Identifier("device", customer_id, "observed")
        name, about = f"e{self.events}", "returns"
        one = event(name, replay.now, kind, interaction_id=visit, identifiers=[device], subject=about)
        replay.fold(identified(one, customer_id))
        return shown(replay.commands[commands:]), judged(replay.decisions[decisions:])

    def attempts(self) -> list[str]:
        """The names of the customer's attempts."""
        state = self.replay.customer("C-1")
        assert state is not None
        return list(state.attempts)

    def passes(self, milliseconds: int) -> tuple[list[str], list[str]]:
        """What comes of nothing happening for so long."""
        replay = self.replay
        commands, decisions = len(replay.commands), len(replay.decisions)
        replay.advance(replay.now + milliseconds)
        return shown(replay.commands[commands:]), judged(replay.decisions[decisions:])


def shown(commands: list[ActionCommand]) -> list[str]:
    return [f"{one.step}@{one.strategy_version}" for one in commands]


def judged(decisions: list[Decision]) -> list[str]:
    return [f"{one.step}@{one.strategy_version} {one.outcome}" for one in decisions]
