"""Records of the topic `strategies` for tests: short to write, complete enough to publish."""

from __future__ import annotations

from pipeline.domain.releases import InFlight, KillSwitch, Stage, StrategyRelease, StrategyRollout

TICKET = "{create_ticket: {subject: x, priority: 1, text: y}}"


def text(strategy_id: str, version: int, steps: str = "", on: str = "web.start") -> str:
    """A strategy's file: on an event it makes a ticket for the interaction, or does what `steps` (YAML) say."""
    return f"""
strategy: {strategy_id}
version: {version}
title: A strategy
lane: service_reply
entry: {{on: {on}}}
key: event.interaction_id
steps: {steps or f"[{{id: a, on: entry, do: [{TICKET}]}}]"}
"""


def release(strategy_id: str, version: int, definition: str | None = None) -> StrategyRelease:
    """A release of the strategy above, or of another definition."""
    return StrategyRelease(
        strategy_id=strategy_id,
        version=version,
        title="A strategy",
        author="maya",
        released_at=1,
        definition=text(strategy_id, version) if definition is None else definition,
    )


def rollout(
    strategy_id: str,
    version: int,
    stage: Stage = "active",
    previous: int | None = None,
    percent: int = 0,
    paused: bool = False,
    in_flight: InFlight = "keep",
) -> StrategyRollout:
    """A roll-out."""
    return StrategyRollout(
        strategy_id=strategy_id,
        stage=stage,
        version=version,
        previous=previous,
        percent=percent,
        paused=paused,
        in_flight=in_flight,
        changed_by="maya",
        changed_at=2,
    )


def switch(stopped: bool, reason: str = "") -> KillSwitch:
    """The kill switch."""
    return KillSwitch(stopped=stopped, changed_by="maya", changed_at=3, reason=reason)
