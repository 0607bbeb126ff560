"""A range of the topics of interactions → a file that can be played anywhere. No topic is ever written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import CHANNELS, Interaction
from pipeline.runtime.reading import offsets_at, read_committed
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.container import write_container

_EVERY = 1_000

Value = TypeVar("Value", bound=msgspec.Struct)


@dataclass
class Recorder:
    """Reads from the brokers of the settings; `unreadable` counts the records that were passed over.

    `told` is called with the number of events that are read, now and then.
    """

    settings: Settings
    codec: Codec
    told: Callable[[int], None] = lambda done: None
    unreadable: int = field(default=0, init=False)

    def events(self, path: Path, since: int | None, until: int | None) -> int:
        """Write the interactions to a file that came to the brokers from `since` to before `until` (epoch
        milliseconds; None: from the first that is kept, to the last); how many.

        Raises KafkaException when they cannot be read, OSError when the file cannot be written.
        """
        kafka, prefix = self.settings.kafka(), self.settings.topic_prefix
        topics = [f"{prefix}interactions.{channel}" for channel in CHANNELS]
        positions = offsets_at(kafka, topics, since or 0)
        ends = None if until is None else offsets_at(kafka, topics, until)
        messages = read_committed(kafka, positions, ends)
        return write_container(path, Interaction, self._counted(self._values(messages, Interaction)))

    def profiles(self) -> list[Profile]:
        """The newest profile of every customer. Raises KafkaException when they cannot be read."""
        kafka = self.settings.kafka()
        positions = offsets_at(kafka, [f"{self.settings.topic_prefix}customers"], 0)
        newest: dict[str, Profile] = {}
        for profile in self._values(read_committed(kafka, positions), Profile):
            known = newest.get(profile.customer_id)
            if known is None or profile.updated_at >= known.updated_at:
                newest[profile.customer_id] = profile
        return list(newest.values())

    def _values(self, messages: Iterator, kind: type[Value]) -> Iterator[Value]:
        for message in messages:
            raw = message.value()
            if raw is None:
                continue
            value = self.codec.decode(raw, kind)
            if isinstance(value, Failure):
                self.unreadable += 1
            else:
                yield value

    def _counted(self, events: Iterator[Interaction]) -> Iterator[Interaction]:
        for number, event in enumerate(events, 1):
            yield event
            if number % _EVERY == 0:
                self.told(number)
