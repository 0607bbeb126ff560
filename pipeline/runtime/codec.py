"""The codec that a deployment's settings ask for."""

from __future__ import annotations

from pipeline.runtime.topics import all_topics
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.files import load_released


def make_codec(settings: Settings) -> Codec:
    """The codec with the ids of the configured schema registry, or of the schemas themselves.

    Raises as `RegistryIds` does when a registry is configured that cannot be reached or refuses a schema.
    """
    if not settings.schema_registry_url:
        return Codec()
    # The registry client brings an HTTP stack along: paid for only where there is a registry.
    from pipeline.runtime.schema_registry import RegistryIds  # noqa: PLC0415

    specs = all_topics(settings.topic_prefix, settings.partitions, settings.replication)
    return Codec(RegistryIds(settings.schema_registry_url, specs, load_released()))
