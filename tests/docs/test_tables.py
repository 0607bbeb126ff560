"""The README's tables of topics and settings are what the code says."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase
from pydantic import SecretStr

from pipeline.domain.interactions import CHANNELS
from pipeline.observe.metrics import PIPELINE, RUNTIME
from pipeline.runtime.topics import DAY_MS, TopicSpec, all_topics
from pipeline.settings import Settings

README = Path(__file__).parents[2] / "README.md"
MANY = 2


def table(*rows: tuple[str, ...]) -> list[str]:
    """The lines of a Markdown table; the first row is its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]]


def topic_table() -> list[str]:
    """What `throughline topics apply` creates; the topics of the channels, all alike, share a row."""

    def name(spec: TopicSpec) -> str:
        channel = spec.name.removeprefix("interactions.")
        return "`interactions.<channel>`" if channel in CHANNELS else f"`{spec.name}`"

    def kept(spec: TopicSpec) -> str:
        if spec.cleanup == "compact":
            return "the last of each key"
        return f"{int(spec.config['retention.ms']) // DAY_MS} days"

    def row(spec: TopicSpec) -> tuple[str, ...]:
        records = ", ".join(f"`{record}`" for record in spec.records) or "MessagePack"
        return (
            name(spec),
            spec.key,
            records,
            kept(spec),
            "as set" if spec.partitions == MANY else str(spec.partitions),
        )

    rows = dict.fromkeys(row(spec) for spec in all_topics("", MANY, 1))
    return table(("topic", "key", "records", "kept", "partitions"), *rows)


def settings_table() -> list[str]:
    """Every setting with its variable, its default and what it means."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "host name" if field.default_factory else field.default
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        shown = f"`{default}`" if default not in (None, "", "host name") else default or ""
        rows.append((f"`THROUGHLINE_{name.upper()}`", shown, field.description or ""))
    return table(("variable", "default", "meaning"), *rows)


def metrics_table() -> list[str]:
    """Every metric of ours as Prometheus sees it, in the order in which they are declared."""
    collectors = [one for group in (RUNTIME, PIPELINE) for one in vars(group).values()]
    rows = [
        (
            f"`{one._name}`",
            one._type,
            ", ".join(f"`{label}`" for label in one._labelnames),
            one._documentation,
        )
        for one in collectors
        if isinstance(one, MetricWrapperBase)
    ]
    return table(("metric", "type", "labels", "meaning"), *rows)


def tables_of(text: str) -> list[list[str]]:
    """The tables of a Markdown text, as lines."""
    blocks = [block.strip().splitlines() for block in text.split("\n\n")]
    return [block for block in blocks if block and all(line.startswith("|") for line in block)]


def test_the_table_of_topics_is_what_is_created() -> None:
    assert topic_table() in tables_of(README.read_text(encoding="utf-8")), "\n".join(topic_table())


def test_the_table_of_settings_has_them_all_with_their_defaults() -> None:
    assert settings_table() in tables_of(README.read_text(encoding="utf-8")), "\n".join(settings_table())


def test_the_table_of_metrics_has_them_all() -> None:
    assert metrics_table() in tables_of(README.read_text(encoding="utf-8")), "\n".join(metrics_table())


def test_every_channel_is_named() -> None:
    text = README.read_text(encoding="utf-8")
    assert ", ".join(f"`{channel}`" for channel in CHANNELS) in text
