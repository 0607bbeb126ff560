"""Roll-outs in the words of the commands."""

from __future__ import annotations

from datetime import datetime

from pipeline.domain.releases import KillSwitch, StrategyRollout


def in_words(rollout: StrategyRollout) -> str:
    """Who gets which version, in a sentence without its full stop."""
    version, previous = rollout.version, rollout.previous
    others = "nothing runs" if previous is None else f"version {previous} runs"
    match rollout.stage:
        case "validated":
            what = f"version {version} is validated and does nothing yet; {others}"
        case "shadow":
            what = f"version {version} is in shadow, sends nothing; {others}"
        case "canary":
            rest = "nothing" if previous is None else f"version {previous}"
            what = f"version {version} runs for {rollout.percent} % of customers, {rest} for the others"
        case "active":
            what = f"version {version} is active"
        case "retired":
            what = f"version {version} is retired; nothing runs"
    return f"{what}; paused" if rollout.paused else what


def switch_in_words(switch: KillSwitch) -> str:
    """Whether strategies send commands, in a sentence without its full stop."""
    if not switch.stopped:
        return "strategies send commands"
    return "no strategy sends anything"


def signed(by: str, at: int, reason: str = "") -> str:
    """By whom, when and why, to go behind a sentence; empty for what nobody has changed."""
    if not at:
        return ""
    return f" (by {by}, {moment(at)}{f': {reason}' if reason else ''})"


def moment(at: int) -> str:
    """A time (epoch milliseconds) for people, where they are."""
    return f"{datetime.fromtimestamp(at / 1_000).astimezone():%Y-%m-%d %H:%M:%S}"


def day_and_time(at: int) -> str:
    """As `moment`, in short."""
    return f"{datetime.fromtimestamp(at / 1_000).astimezone():%m-%d %H:%M}"
