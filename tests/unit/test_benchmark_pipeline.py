"""The whole-pipeline, growth and restart benchmarks: their workload, their arithmetic, what their checks see."""

from __future__ import annotations

import time
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.growth_mould import Mould, fill
from benchmarks.growth_pipe import Pipe, encoded
from benchmarks.growth_points import NOW, Cost, events_of, ordinary, rules_of
from benchmarks.growth_report import Series
from benchmarks.measure import BenchmarkError
from benchmarks.pipeline import progress
from benchmarks.pipeline_check import Found, check
from benchmarks.pipeline_events import interactions, known, profiles
from benchmarks.pipeline_feed import Told, paced
from benchmarks.pipeline_latency import Latency
from benchmarks.pipeline_report import Measured, markdown
from benchmarks.pipeline_runs import Throughput, import_profiles, work_off, write_backlog
from benchmarks.pipeline_site import Figures, Site
from benchmarks.pipeline_strategies import variation, write_strategies
from pipeline.domain import state as states
from pipeline.domain.ids import is_provisional
from pipeline.domain.recent import remembered
from pipeline.local.broker import Broker
from pipeline.wire.codec import Codec


def test_events_are_the_same_every_time_and_have_names_of_their_own() -> None:
    once = list(islice(interactions(100, 1, "e-", lambda: NOW), 2_000))
    assert once == list(islice(interactions(100, 1, "e-", lambda: NOW), 2_000))
    assert [event.event_id for event in once] == [f"e-{number}" for number in range(2_000)]


def test_events_come_from_many_channels_and_from_known_and_unknown_customers() -> None:
    found = list(islice(interactions(100, 1, "e-", lambda: NOW), 5_000))
    channels = Counter(event.channel for event in found)
    assert {"web", "mobile_app", "social", "email", "voice", "chat", "knowledge_base", "order"} == set(
        channels
    )
    assert channels["web"] > channels["order"] > 0
    proven = sum(any(one.type == "customer_number" for one in event.identifiers) for event in found)
    assert 0.3 < proven / len(found) < 0.8


def test_three_quarters_of_the_customers_have_a_profile() -> None:
    assert [one.customer_id for one in profiles(20, NOW)] == [f"C-{n:07d}" for n in range(20) if known(n)]
    assert sum(map(known, range(100))) == 75


@pytest.mark.parametrize("count", [2, 3, 100, 200])
def test_strategies_compile_and_there_are_as_many_as_asked_for(tmp_path: Path, count: int) -> None:
    assert len(rules_of(tmp_path, count).strategies) == count


def test_of_a_hundred_strategies_several_meet_an_event_and_rare_ones_meet_none(tmp_path: Path) -> None:
    met = [rules_of(tmp_path / "all", 100).index, rules_of(tmp_path / "few", 100, common=10).index]
    least = rules_of(tmp_path / "ten", 10).index
    found = list(islice(interactions(100, 1, "e-", lambda: NOW), 2_000))
    several, few, ten = (
        sum(len(index.get((event.channel, event.kind), ())) for event in found) for index in (*met, least)
    )
    assert 2 < several / len(found) < 10
    # Variations of forms and carts also look at events that everybody causes, to call their waits off.
    assert ten <= few < several / 2


def test_a_strategy_for_what_does_not_happen_listens_to_an_event_of_its_own() -> None:
    assert variation(0)["entry"]["on"] == ["web.page_viewed"]
    assert variation(0, rare=True)["entry"]["on"] == ["web.page_viewed_0"]


def test_a_feed_with_a_rate_sends_no_event_before_its_time() -> None:
    told = Told(0)
    for number, _ in enumerate(islice(paced(interactions(100, 1, "e-", lambda: 0), 1_000, told), 50)):
        assert time.time_ns() - told.began_ns >= number * 1_000_000


def test_figures_are_settled_when_all_that_was_written_between_the_hops_is_read() -> None:
    folded = Counter({"interactions.web": 7, "interactions.order": 3, "interactions.identified": 10})
    figures = Figures(folded, Counter({"interactions.identified": 11}))
    assert figures.events == 10
    assert not figures.settled(10)
    behind = Figures(folded, Counter({"interactions.identified": 10}))
    assert behind.settled(10)
    assert not behind.settled(11)
    assert not behind.settled(10, profiles=1)


def test_a_percentile_is_the_latency_that_so_many_did_not_exceed() -> None:
    latency = Latency(1.0, 1.0, 4, 4, [1.0, 2.0, 3.0, 100.0], 0.0, {})
    assert [latency.percentile(share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 3.0, 100.0, 100.0]


def test_the_report_gives_rate_and_latency_first() -> None:
    through = Throughput(1_000, 4.0, 8.0, 0.4, {"worker": 2.0}, {"actions": 5})
    late = Latency(125.0, 60.0, 7_500, 7_000, [10.0, 20.0, 30.0], 0.001, {"worker": 1.0})
    measured = Measured(100, 10, 2.5, through, late, Found(8_500, 5, 6, 100, 1))
    lines = markdown(measured, {"cores": "2"}, "picture.svg").splitlines()
    assert lines[2].startswith("**One worker process takes 250 events a second")
    assert "20 ms at the median, 30 ms at p99" in lines[2]
    assert "| mean commit, from closing a checkpoint to its states on disk | 50 ms |" in lines
    assert "| processor seconds, worker | 2.0 (2,000 µs an event) |" in lines
    assert "- cores: 2" in lines


def test_growth_is_the_ratio_of_the_medians() -> None:
    series = Series("customers", {10: [Cost(4, 1), Cost(2, 1), Cost(9, 1)], 100: [Cost(6, 3), Cost(8, 3)]})
    assert (series.wall_us(10), series.cpu_us(100)) == (4, 3)
    assert (series.wall_ratio(100), series.cpu_ratio(100)) == (7 / 4, 3)


def test_a_pipe_folds_every_event_into_one_record(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path / "state", rules_of(tmp_path / "strategies", 20), NOW)
    codec = Codec()
    pipe.fold(encoded(codec, profiles(100, NOW)))
    pipe.fold(encoded(codec, islice(events_of(100, "e-", pipe), 2_500)))
    rows = [states.decode(raw) for _, raw in pipe.rows("sessions")]
    assert sum(len(remembered(row)) for row in rows) == 2_500
    assert any(row.merged_into for row in rows)
    pipe.close()


def test_copies_of_customers_have_their_own_names_and_otherwise_the_models_records(tmp_path: Path) -> None:
    model = ordinary(tmp_path / "model", 40, 20, NOW)
    mould = Mould(model.pipe, 40, ("identities", "sessions", "deadlines"))
    before = dict(model.pipe.rows("sessions"))
    model.pipe.close()
    fill(tmp_path / "state", mould, 120)
    pipe = Pipe(tmp_path / "state", rules_of(tmp_path / "strategies", 20), NOW)
    rows = dict(pipe.rows("sessions"))
    assert len(rows) == 3 * len(before)
    for key, raw in rows.items():
        state = states.decode(raw)
        assert state.customer_id == key.decode()
        assert state.merged_into is None or state.merged_into.encode() in rows
    assert sum(is_provisional(key.decode()) for key in rows) == 3 * sum(
        is_provisional(k.decode()) for k in before
    )
    pipe.close()


@pytest.mark.kafka
def test_a_worker_folds_a_backlog_and_the_check_notices_what_is_missing(
    broker: Broker, tmp_path: Path
) -> None:
    site = Site(broker.bootstrap, tmp_path, "bench.")
    write_strategies(site.strategies, 20)
    import_profiles(site, 100, progress)
    sent = write_backlog(site, 100, 1_000, "e-", progress)
    with site.worker() as worker:
        done = work_off([worker], 1_000, progress)
    assert done.produced.keys() >= {"actions", "decisions", "interactions.identified"}
    found = check(site, {"e-": 1_000}, sent.contacts)
    assert found.actions > 0
    with pytest.raises(BenchmarkError, match="1 events are in no record"):
        check(site, {"e-": 1_001}, sent.contacts)
    with pytest.raises(BenchmarkError, match="history has"):
        check(site, {"e-": 1_000}, sent.contacts + 1)
