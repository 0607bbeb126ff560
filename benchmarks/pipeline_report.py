"""What the whole-pipeline benchmark measured, in Markdown and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from benchmarks.pipeline_check import Found
from benchmarks.pipeline_latency import WARM_UP_S, Latency
from benchmarks.pipeline_runs import Throughput
from benchmarks.plots import lines

_SHARES = (0.0, *(n / 20 for n in range(1, 19)), 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0)


class Measured(NamedTuple):
    """A whole run of the benchmark."""

    customers: int
    strategies: int
    evaluated: float
    throughput: Throughput
    latency: Latency
    found: Found


def plot(path: Path, latency: Latency) -> None:
    """Write the latencies as a line over the share of commands that took no longer."""
    points = [(100 * share, latency.percentile(share)) for share in _SHARES]
    title = f"Event → command at {latency.rate:,.0f} events/s"
    lines(path, title, "% of the commands took no longer", "milliseconds", {"latency": points})


def markdown(measured: Measured, about: dict[str, str], picture: str) -> str:
    """The report: the two figures first, then what was done, where processor time went, and the machine."""
    through, late, found = measured.throughput, measured.latency, measured.found
    p50, p99, slowest = (late.percentile(share) for share in (0.5, 0.99, 1.0))
    return "\n".join(
        [
            "# Whole pipeline: results",
            "",
            f"**One worker process takes {through.rate:,.0f} events a second from the channel topics to the "
            f"actions, exactly once. At {late.rate:,.0f} events a second an event has its command after "
            f"{p50:,.0f} ms at the median, {p99:,.0f} ms at p99.**",
            "",
            f"Channel topics → identity → sessions → decisions → actions; {through.events:,} events of "
            f"{measured.customers:,} customers, {measured.strategies} strategies, of which "
            f"{measured.evaluated:.1f} are evaluated for an event on average. Written by "
            "`python -m benchmarks.pipeline`.",
            "",
            "| backlog | |",
            "|---|---:|",
            f"| events/s, both hops | {through.rate:,.0f} |",
            f"| seconds | {through.seconds:,.1f} |",
            f"| commits/s | {through.commits / through.seconds:,.1f} |",
            f"| mean commit, from closing a checkpoint to its states on disk | {_mean_commit(through):,.0f} ms |",
            *(
                f"| processor seconds, {name} | {spent:,.1f} ({1e6 * spent / through.events:,.0f} µs an event) |"
                for name, spent in through.cpu.items()
                if spent
            ),
            *(f"| records written to `{topic}` | {n:,} |" for topic, n in sorted(through.produced.items())),
            "",
            f"| steady, {late.rate:,.0f} events/s for {late.seconds:,.0f} s | |",
            "|---|---:|",
            *(f"| event → command, {name} | {late.percentile(share):,.0f} ms |" for name, share in _NAMED),
            f"| event → command, slowest | {slowest:,.0f} ms |",
            f"| commands timed | {len(late.milliseconds):,} |",
            *(f"| processor seconds, {name} | {spent:,.1f} |" for name, spent in late.cpu.items()),
            f"| producer behind its schedule, at most | {1_000 * late.behind_s:,.0f} ms |",
            "",
            f"![event → command]({picture})",
            "",
            f"Checked after the run, by reading topics and changelogs: each of the {found.events:,} events is in "
            "exactly one customer's record, each event by a customer is one row of history, all "
            f"{found.actions:,} action ids differ, the group's offsets cover all input, and nothing became a dead "
            f"letter. {found.customers:,} customers, {found.merged:,} merged into another; "
            f"{found.decisions:,} decisions.",
            "",
            *(f"- {name}: {value}" for name, value in about.items()),
            "",
            _METHOD,
        ]
    )


def _mean_commit(through: Throughput) -> float:
    return 1_000 * through.commit_seconds / max(through.commits, 1)


_NAMED = (("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999))

_METHOD = f"""## What it does

- The worker is `throughline worker` with the settings of any worker, these strategies and a metrics port.
  The broker, the worker, the producer and the reader share the machine.
- First a worker imports the customers whom the system of record knows (three quarters of all); that is not
  timed. Then all events are written, as `Publisher` writes them, and a new worker starts.
- The backlog's clock runs from the first commit that the worker's metrics show to the one after which all
  input, and all that the first hop wrote, is folded and committed. Events of the first commit do not count.
- Then a producer of its own publishes at half of that rate, each event at its time in the schedule whether
  or not the ones before it are answered: {WARM_UP_S} s to warm up, then the time that counts. A latency
  runs from the event's time in the schedule to the receipt of its command by a reader of committed records,
  so a producer that falls behind adds to it.
- Of the customers 60 % are logged in, 15 % begin unknown and log in (a merge), 25 % are never known. Their
  visits on site and app, forms, messages, calls and orders are in `pipeline_events.py`. The strategies, in
  `pipeline_strategies.py`, are the shipped pack and variations over channels, events, conditions on
  customer, session, thread and history, waits and absences.
"""
