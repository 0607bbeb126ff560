"""Time passes for a worker only as far as it has read."""

from __future__ import annotations

from pipeline.runtime.batch import TP
from pipeline.runtime.horizon import LAG_MS, SECOND_HOP_S, Horizon

NOW = 1_000_000
WEB, ORDERS = TP("web", 0), TP("order", 1)


class Times:
    """Clocks that a test sets."""

    def __init__(self) -> None:
        self.wall, self.seconds = NOW, 0.0
        self.horizon = Horizon(lambda: self.wall, lambda: self.seconds)


def test_without_inputs_it_is_now() -> None:
    assert Times().horizon.now() == NOW


def test_no_time_has_passed_before_anything_is_read() -> None:
    times = Times()
    times.horizon.begin([WEB])
    assert times.horizon.now() == 0


def test_during_a_backlog_it_is_when_the_slowest_input_had_arrived() -> None:
    times = Times()
    times.horizon.begin([WEB, ORDERS])
    times.horizon.folded(WEB, NOW - 60_000)
    times.horizon.folded(ORDERS, NOW - 90_000)
    assert times.horizon.now() == NOW - 90_000
    times.horizon.at_end(ORDERS)
    assert times.horizon.now() == NOW - 60_000


def test_the_end_of_a_backlog_is_believed_after_the_second_hop() -> None:
    times = Times()
    times.horizon.begin([WEB])
    times.horizon.folded(WEB, NOW - LAG_MS - 1)
    times.horizon.at_end(WEB)
    assert times.horizon.now() == NOW - LAG_MS - 1
    times.seconds += SECOND_HOP_S
    assert times.horizon.now() == NOW


def test_what_is_read_as_it_arrives_holds_nothing_up() -> None:
    times = Times()
    times.horizon.folded(WEB, NOW - 5)
    assert times.horizon.now() == NOW - 5
    times.horizon.at_end(WEB)
    assert times.horizon.now() == NOW


def test_partitions_that_are_given_up_hold_nothing_up() -> None:
    times = Times()
    times.horizon.begin([WEB, ORDERS])
    times.seconds += SECOND_HOP_S
    times.horizon.at_end(WEB)
    times.horizon.keep({WEB.partition})
    assert times.horizon.now() == NOW
