"""What a worker's log says while its tables are recovered."""

from __future__ import annotations

from structlog.testing import capture_logs

from pipeline.runtime.progress import Progress


def test_all_recoveries_together_tell_one_line_a_second() -> None:
    now = [0.0]
    progress = Progress(3, lambda: now[0])
    with capture_logs() as lines:
        for hundreds in range(1, 31):
            now[0] = hundreds / 10
            progress.read("sessions", 0, hundreds * 100, 10_000)
            progress.read("sessions", 1, hundreds * 100, 10_000)
            progress.read("history", 0, 500, 1_000)
    assert [line["event"] for line in lines] == ["tables_recovering"] * 3
    last = lines[-1]
    assert (last["done"], last["total"], last["per_second"]) == (3_000 + 2_900 + 500, 21_000, 2_133)
    assert (last["tables"], last["unfinished"]) == ("history 50 %, sessions 29 %", 3)


def test_the_end_is_told_once_and_only_when_something_was_read() -> None:
    now = [0.0]
    progress = Progress(2, lambda: now[0])
    with capture_logs() as lines:
        progress.finished(0)
        progress.conclude()
        progress.finished(5_000)
        now[0] = 2.0
        progress.conclude()
    [line] = lines
    assert (line["event"], line["records"], line["seconds"], line["per_second"]) == (
        "tables_recovered",
        5_000,
        2.0,
        2_500,
    )
