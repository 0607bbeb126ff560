"""The channel services of the whole-pipeline benchmark: a process of its own that publishes as they do.

`python -m benchmarks.pipeline_feed BOOTSTRAP PREFIX CUSTOMERS profiles`
`python -m benchmarks.pipeline_feed BOOTSTRAP PREFIX CUSTOMERS events SEED MARK NUMBER RATE`

With a RATE (events a second, 0 for as fast as it goes) event n is due n/RATE seconds after the start whether or not
the ones before it have been answered (open loop). Every line printed is a `Told` as JSON.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import islice

import msgspec

from benchmarks.pipeline_events import interactions, profiles
from pipeline.domain.contacts import is_contact
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.observe.clock import wall_clock
from pipeline.runtime.publisher import Publisher
from pipeline.settings import load_settings
from pipeline.wire.codec import Codec

_TELL_EVERY_S = 0.5
_TICK_S = 0.001


class Told(msgspec.Struct):
    """How far the feed is: when it began (epoch ns), what it has sent, its processor time.

    `contacts` are the events that customers caused; `behind_s` is how late it was at most against its rate.
    """

    began_ns: int
    sent: int = 0
    contacts: int = 0
    behind_s: float = 0.0
    cpu_s: float = 0.0
    done: bool = False


def paced(events: Iterator[Interaction], rate: float, told: Told) -> Iterator[Interaction]:
    """The events, each not before it is due; the first one is the beginning."""
    for number, event in enumerate(events):
        if number == 0:
            told.began_ns = time.time_ns()
        if rate:
            late = (time.time_ns() - told.began_ns) / 1e9 - number / rate
            while late < 0:
                time.sleep(_TICK_S)
                late = (time.time_ns() - told.began_ns) / 1e9 - number / rate
            told.behind_s = max(told.behind_s, late - _TICK_S)
        yield event


def main() -> None:
    bootstrap, prefix, customers, what, *rest = sys.argv[1:]
    settings = load_settings(bootstrap=bootstrap, topic_prefix=prefix)
    if isinstance(settings, Failure):
        sys.exit(settings.message)
    told = Told(time.time_ns())
    values: Iterator[msgspec.Struct]
    if what == "profiles":
        values = profiles(int(customers), wall_clock())
    else:
        seed, mark, number, rate = rest
        events = interactions(int(customers), int(seed), mark, wall_clock)
        values = paced(islice(events, int(number)), float(rate), told)
    with Publisher(settings, Codec(), "benchmark") as publisher:
        next_line = 0.0
        for value in values:
            publisher.send(value)
            told.sent += 1
            told.contacts += isinstance(value, Interaction) and is_contact(value)
            if not told.sent % 100 and time.monotonic() > next_line:
                next_line = time.monotonic() + _TELL_EVERY_S
                _say(told)
    told.done = True
    _say(told)


def _say(told: Told) -> None:
    told.cpu_s = time.process_time()
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
