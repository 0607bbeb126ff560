"""What is known of strategies outside of the workers, and what a publication has to tell."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.failures import Failure
from pipeline.domain.releases import KillSwitch, StrategyRecord, StrategyRelease
from pipeline.domain.strategies.register import FILE, Entry, Register, publication
from pipeline.domain.strategies.rollout import Change, of_file

MIA = Change("mia", 1_000, "the sale")


def release(version: int, strategy_id: str = "greeting", author: str = "mia") -> StrategyRelease:
    return StrategyRelease(
        strategy_id=strategy_id,
        version=version,
        author=author,
        released_at=0 if author == FILE else 1_000,
        definition=f"strategy: {strategy_id}\nversion: {version}\n",
    )


def register(*records: StrategyRecord, files: tuple[StrategyRelease, ...] = ()) -> Register:
    made = Register({one.strategy_id: one for one in files})
    told(made, records)
    return made


def told(known: Register, records: object) -> None:
    assert isinstance(records, list | tuple), records
    for record in records:
        known.take(Entry(known.end, record.key, record))


def test_a_strategy_of_a_file_is_active_until_the_topic_says_otherwise() -> None:
    known = register(files=(release(3, author=FILE),))
    assert (known.ids(), known.rollout("greeting")) == (["greeting"], of_file("greeting", 3))
    assert known.told("greeting") is None
    told(known, publication(known, release(4), MIA))
    rollout = known.rollout("greeting")
    assert rollout is not None and (rollout.version, rollout.previous) == (4, 3)
    assert rollout == getattr(known.told("greeting"), "value", None)


def test_with_the_first_change_goes_the_version_of_the_file() -> None:
    """Whatever files a worker has, it can run the version before."""
    known = register(files=(release(3, author=FILE),))
    records = publication(known, release(4), MIA)
    assert isinstance(records, list)
    assert [one.key for one in records] == ["greeting@3", "greeting@4", "greeting"]
    assert records[0] == replace(release(3, author=FILE), released_at=MIA.at)
    told(known, records)
    records = publication(known, release(5), MIA)
    assert isinstance(records, list)
    assert [one.key for one in records] == ["greeting@5", "greeting"]


def test_publishing_the_same_again_tells_nothing() -> None:
    known = register(files=(release(1, "pack", FILE),))
    told(known, publication(known, release(1), MIA, stage="canary", percent=10))
    end = known.end
    assert publication(known, release(1), MIA, stage="canary", percent=10) == []
    assert publication(known, release(1, "pack"), MIA) == []
    told(known, publication(known, release(1), MIA, stage="canary", percent=20))
    assert known.end == end + 1, "its version is there already"


def test_a_version_never_changes() -> None:
    changed = replace(release(1), definition="strategy: greeting\nversion: 1\nlane: proactive\n")
    refused = publication(register(release(1), of_file("greeting", 1)), changed, MIA)
    assert isinstance(refused, Failure) and refused.code == "immutable"
    assert "published by mia" in refused.message and "count version up" in refused.message
    refused = publication(register(files=(release(1, author=FILE),)), changed, MIA)
    assert isinstance(refused, Failure) and refused.code == "immutable"
    assert "files" in refused.message


def test_an_older_version_is_not_published_over_a_newer_one() -> None:
    known = register(release(1), release(2), replace(of_file("greeting", 2), changed_at=1))
    refused = publication(known, release(1), MIA)
    assert isinstance(refused, Failure) and refused.code == "not_newer"


def test_versions_are_those_of_the_topic_before_that_of_the_file() -> None:
    known = register(release(2), release(10), files=(release(2, author=FILE), release(1, "pack", FILE)))
    assert [*known.versions("greeting")] == [2, 10]
    assert known.versions("greeting")[2].author == "mia"
    assert known.ids() == ["greeting", "pack"]
    assert known.versions("nobody") == {} and known.rollout("nobody") is None


def test_what_cannot_be_read_or_was_deleted_says_nothing() -> None:
    known = register(replace(of_file("greeting", 2), changed_at=1))
    assert known.ids() == ["greeting"]
    known.take(Entry(7, "greeting", Failure("bad_avro", "unreadable")))
    assert (known.ids(), known.rollout("greeting"), known.end) == ([], None, 8)
    known.take(Entry(9, "greeting", None))
    assert known.ids() == []


def test_the_switch_is_off_until_somebody_turns_it() -> None:
    known = register()
    assert not known.switch.stopped
    stopped = KillSwitch(stopped=True, changed_by="mia", changed_at=1)
    told(known, [stopped])
    assert known.switch == stopped
    assert known.ids() == []
