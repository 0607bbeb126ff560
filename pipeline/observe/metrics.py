"""Prometheus metrics. Labels never carry anything about a customer."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram


class Runtime:
    """What the runtime counts."""

    folded = Counter("throughline_records_folded_total", "Records read, folded and committed.", ["topic"])
    produced = Counter("throughline_records_produced_total", "Records produced and committed.", ["topic"])
    commits = Counter("throughline_commits_total", "Checkpoints committed.")
    aborts = Counter("throughline_transaction_aborts_total", "Transactions given up and folded again.")
    commit_seconds = Histogram(
        "throughline_commit_seconds",
        "From closing a checkpoint to its states being on disk.",
        buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
    )
    partitions = Gauge("throughline_partitions", "Partitions that this worker owns.")
    lag = Gauge(
        "throughline_lag_records", "Records of an input that are not committed yet.", ["topic", "partition"]
    )
    behind_seconds = Gauge(
        "throughline_behind_seconds",
        "Age of what was folded last, of the input where it is oldest; 0 at the end.",
    )

    @classmethod
    def committed(cls, folded: Mapping[str, int], produced: Mapping[str, int]) -> None:
        """A checkpoint is final: so many records folded and produced, by topic."""
        cls.commits.inc()
        for topic, records in folded.items():
            cls.folded.labels(topic).inc(records)
        for topic, records in produced.items():
            cls.produced.labels(topic).inc(records)


class Pipeline:
    """What the agents count."""

    commands = Counter("throughline_commands_total", "Commands emitted.", ["kind"])
    decisions = Counter("throughline_decisions_total", "Decisions, by outcome.", ["outcome"])
    dead_letters = Counter("throughline_dead_letters_total", "Records set aside.", ["stage", "code"])
    suppressed = Counter(
        "throughline_suppressed_total",
        "Records dropped because they tell of somebody who is forgotten, up to when that was.",
        ["stage"],
    )
    strategies_refused = Gauge(
        "throughline_strategies_refused",
        "Keys of the topic strategies whose last record is not applied, because it is wrong or waits for another.",
    )
    circumstances_refused = Gauge(
        "throughline_circumstances_refused",
        "Keys of the topic circumstances whose last record is not applied, because it is wrong.",
    )
    strategies_paused = Counter(
        "throughline_strategies_paused_total",
        "Strategies that this worker has paused because their conditions failed.",
        ["strategy"],
    )


RUNTIME = Runtime
PIPELINE = Pipeline
