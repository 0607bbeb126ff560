"""What customers want: the model as scikit-learn computes it, its answers, their fold, and the command."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import msgspec
import pytest
from domain_values import DAY, DEVICE, MINUTE, NOW, NUMBER, event, identified, rules
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from pipeline.cli import cli
from pipeline.domain import state as states
from pipeline.domain.customer import handle
from pipeline.domain.failures import Failure
from pipeline.domain.ids import provisional_id
from pipeline.domain.intents import UNKNOWN, Recognition
from pipeline.domain.interactions import Interaction
from pipeline.domain.linear_model import Document, LinearModel, document_of, dump, load, plain
from pipeline.domain.messages import IntentRecognised, MergeRequested
from pipeline.domain.replay import Replay
from pipeline.domain.state import EARLY, CustomerState
from pipeline.intents.examples import read_examples
from pipeline.pack import INTENT_MODEL, INTENTS, load_recogniser

LIVE = rules()
SHIPPED = load_recogniser()
assert isinstance(SHIPPED, LinearModel)

EXAMPLES = """
language: en
intents:
  wrong_size: [it is too small, the size is wrong, wrong size again, too small for me, this size is too big]
  order_status: [where is my order, where is the parcel, is my order on its way, where is it now, order status]
  unknown: [tell me a joke, nice weather today, who won the match, are you hiring, good night]
"""
WORDS = ("dog", "house", "tree", "car", "pen")
BEHAVIOURS = "behaviours: {order_status: [page=tracking]}"


def message(name: str, text: str | None, at: int = NOW, **more: object) -> Interaction:
    values = {"interaction_id": f"mail-{name}", "identifiers": [NUMBER], **more}
    return event(name, at, "message", "email", text=text, **values)


def found(event: Interaction, intent: str, confidence: float, customer_id: str = "C-1") -> IntentRecognised:
    return IntentRecognised(
        customer_id=customer_id,
        event_id=event.event_id,
        channel=event.channel,
        interaction_id=event.interaction_id,
        intent=intent,
        confidence=confidence,
        model="test",
        occurred_at=event.occurred_at,
    )


# --- the shipped model -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("where is my order", "order_status"),
        ("Wo bleibt mein Paket?", "order_status"),
        ("you sent me the wrong size, I ordered M", "wrong_size"),
        ("Ich habe mein Passwort vergessen", "password_reset"),
        ("I want to talk to a human", "speak_to_person"),
        ("tell me a joke", None),
        ("", None),
    ],
)
def test_it_reads_what_customers_write(text: str, intent: str | None) -> None:
    answer = SHIPPED.recognise(message("e1", text))
    assert (answer and answer.intent) == intent


def test_what_customers_do_tells_too() -> None:
    opened = event("e1", kind="form_started", subject="return", attributes={"form": "return"})
    answer = SHIPPED.recognise(opened)
    assert answer is not None
    assert answer.intent == "return_howto"
    assert SHIPPED.recognise(event("e2", attributes={"page": "/returns/start"})) is not None
    assert SHIPPED.recognise(event("e3", attributes={"page": "/products/shirt"})) is None
    assert SHIPPED.recognise(event("e4")) is None


def test_it_is_mostly_right_about_texts_that_were_held_out() -> None:
    split = read_examples(INTENTS)
    assert not isinstance(split, Failure)
    answers = [(SHIPPED.surest(one.document), one.intent) for one in split.held_out if one.intent != UNKNOWN]
    right = sum(answer is not None and answer.intent == intent for answer, intent in answers)
    assert right / len(answers) >= 0.7


def test_texts_that_are_nearly_the_same_are_in_the_same_part(tmp_path: Path) -> None:
    alike = [f"please tell me where parcel {letter * 3} is" for letter in "abcdefgh"]
    other = {intent: [f"{word} {intent}" for word in WORDS] for intent in ("one", "two")}
    intents = {"order_status": alike, **other}
    (tmp_path / "en.yaml").write_text(json.dumps({"language": "en", "intents": intents}), encoding="utf-8")
    split = read_examples(tmp_path)
    assert not isinstance(split, Failure)
    assert sorted(sum(one.intent == "order_status" for one in part) for part in split[:3]) == [0, 0, 8]


@given(st.text(max_size=3_000), st.none() | st.text(max_size=100), st.none() | st.text() | st.integers())
@settings(max_examples=50, deadline=None)
def test_no_text_is_too_strange(text: str, subject: str | None, page: str | int | None) -> None:
    attributes = {} if page is None else {"page": page, "form": page}
    one = event("e1", text=text, subject=subject, attributes=attributes)
    answer = SHIPPED.recognise(one)
    assert answer is None or SHIPPED.threshold <= answer.confidence <= 1.0
    probabilities = SHIPPED.probabilities(document_of(one))
    assert probabilities is None or sum(probabilities) == pytest.approx(1.0)


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert SHIPPED.recognise(message("e1", "x " * 1_000 + "where is my order")) is None


def test_below_the_threshold_and_unknown_there_is_no_answer() -> None:
    sure = Recognition("order_status", SHIPPED.threshold)
    assert SHIPPED.sure(sure) == sure
    assert SHIPPED.sure(Recognition("order_status", SHIPPED.threshold - 0.001)) is None
    assert SHIPPED.sure(Recognition(UNKNOWN, 0.99)) is None
    assert SHIPPED.sure(None) is None


@pytest.mark.parametrize(
    "raw", [b"", b"no model", gzip.compress(b"{}"), b"\x1f\x8b\x08\x00", INTENT_MODEL.read_bytes()[:1_000]]
)
def test_a_file_that_is_no_model_is_a_failure(raw: bytes) -> None:
    assert isinstance(load(raw), Failure)


# --- training --------------------------------------------------------------------------------------------


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "en.yaml").write_text(EXAMPLES, encoding="utf-8")
    (tmp_path / "behaviours.yaml").write_text(BEHAVIOURS, encoding="utf-8")
    return tmp_path


def test_probabilities_are_those_of_scikit_learn() -> None:
    """On the same weights: the rounded ones are put back into scikit-learn's model."""
    pytest.importorskip("sklearn", reason="training needs scikit-learn: pip install 'throughline[train]'")
    import numpy

    from pipeline.intents.examples import read_examples
    from pipeline.intents.training import STEP, _fit, _parameters

    split = read_examples(INTENTS)
    assert not isinstance(split, Failure)
    # A few of the texts are learnt from: what is compared is arithmetic.
    fitted = _fit([*split.train[::8], *split.behaviours], 3.0)
    model = load(dump(_parameters(fitted, 0.5)))
    assert isinstance(model, LinearModel)
    learnt = fitted.named_steps["model"]
    learnt.coef_ = numpy.rint(learnt.coef_ / STEP) * STEP
    examples = [*split.train, *split.development, *split.held_out, *split.behaviours]
    documents = [one.document for one in examples]
    documents.append(
        Document(plain("Ein A\u0308rger!  \n 12,50 € ß ﬁ x\u00a0y"), ("page=returns", "new=token"))
    )
    expected = fitted.predict_proba(documents)
    for document, row in zip(documents, expected, strict=True):
        probabilities = model.probabilities(document)
        if probabilities is not None:
            assert probabilities == pytest.approx(list(row), abs=1e-3)


def test_training_is_deterministic_and_tells_what_the_model_is_worth(directory: Path) -> None:
    pytest.importorskip("sklearn", reason="training needs scikit-learn: pip install 'throughline[train]'")
    files = []
    for name in ("one", "two"):
        model = directory / name / "model.json.gz"
        model.parent.mkdir()
        done = run("train", "--examples", str(directory), "--model", str(model))
        assert done.exit_code == 0, done.output
        report = (model.parent / "REPORT.md").read_text(encoding="utf-8")
        assert done.output == report
        assert "15 texts" in report
        files.append(model.read_bytes())
    assert files[0] == files[1]
    told = json.loads(run("classify", "where is my order", "--model", str(model), "--json").output)
    assert told["surest"] == "order_status"


def test_texts_alone_are_enough_but_not_of_one_intent(directory: Path) -> None:
    pytest.importorskip("sklearn", reason="training needs scikit-learn: pip install 'throughline[train]'")
    (directory / "behaviours.yaml").unlink()
    model = str(directory / "model.json.gz")
    assert run("train", "--examples", str(directory), "--model", model).exit_code == 0
    (directory / "en.yaml").write_text(
        "language: en\nintents: {order_status: [where is it]}", encoding="utf-8"
    )
    done = run("train", "--examples", str(directory), "--model", model)
    assert done.exit_code == 2
    assert "too few texts" in done.output


def test_a_text_of_two_intents_is_refused(directory: Path) -> None:
    pytest.importorskip("sklearn", reason="training needs scikit-learn: pip install 'throughline[train]'")
    again = 'language: en\nintents: {praise: ["Tell me a JOKE"]}'
    (directory / "more.yaml").write_text(again, encoding="utf-8")
    done = run("train", "--examples", str(directory), "--model", str(directory / "model.json.gz"))
    assert done.exit_code == 2
    assert "'Tell me a JOKE' is an example of unknown and of praise" in done.output
    assert done.output.count("\n") == 1


# --- the command -----------------------------------------------------------------------------------------


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["intents", *arguments])


def test_classify_tells_the_intent_or_that_it_is_unknown() -> None:
    assert run("classify", "where is my order").output.startswith("order_status (")
    assert run("classify", "tell me a joke").output == "unknown\n"
    told = json.loads(run("classify", "I forgot my password", "--json").output)
    assert told["intent"] == "password_reset"
    assert told["model"] == SHIPPED.name


@pytest.mark.parametrize(
    "arguments",
    [
        ["classify", "hello", "--model", "missing.gz"],
        ["run", "--model", "missing.gz"],
        ["train", "--examples", "missing"],
    ],
)
def test_what_is_not_there_is_told_in_one_line(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert "missing" in done.output


# --- the fold --------------------------------------------------------------------------------------------


def fold(state: CustomerState, *messages: Interaction | IntentRecognised) -> CustomerState:
    for one in messages:
        state = states.decode(states.encode(state))
        handle(state, identified(one) if isinstance(one, Interaction) else one, NOW + MINUTE, LIVE)
    return state


def test_a_thread_is_about_what_was_recognised_in_it_and_counted_once() -> None:
    asked = message("e1", "where is my order")
    state = fold(CustomerState("C-1"), asked, found(asked, "order_status", 0.8))
    (thread,) = state.threads
    assert (thread.intent, thread.confidence) == ("order_status", 0.8)
    again = fold(state, found(asked, "order_status", 0.8))
    assert states.encode(again) == states.encode(state)
    surer = fold(again, found(asked, "refund_status", 0.9), found(asked, "damaged_item", 0.85))
    assert surer.threads[0].intent == "refund_status"
    assert {name: about.times for name, about in surer.history.about.items()} == {"refund_status": 1}


def test_the_order_of_events_and_recognitions_does_not_matter() -> None:
    first = message("e1", "hello", interaction_id="mail")
    second = message("e2", "where is my order", NOW + 1, interaction_id="mail")
    recognitions = [
        found(first, "speak_to_person", 0.6),
        found(second, "refund_status", 0.7),
        found(second, "order_status", 0.7),
    ]
    for order in itertools.permutations([second, *recognitions]):
        state = fold(CustomerState("C-1"), first, *order)
        assert (state.threads[0].intent, state.threads[0].confidence) == ("order_status", 0.7)
        assert {name: about.times for name, about in state.history.about.items()} == {"order_status": 1}
        assert state.early == []


def test_an_event_of_no_thread_is_about_nothing() -> None:
    seen = event("e1", identifiers=[NUMBER], attributes={"page": "/returns"})
    state = fold(CustomerState("C-1"), seen, found(seen, "return_howto", 0.9))
    assert (state.threads, state.early, state.history.about) == ([], [], {})


def test_recognitions_whose_events_never_come_are_bounded() -> None:
    state = CustomerState("C-1")
    for number in range(3 * EARLY):
        state = fold(state, found(message(f"e{number}", "x"), "order_status", 0.5))
    assert len(state.early) == EARLY


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_recognition_follows_a_customer_who_is_merged(order: tuple[int, ...]) -> None:
    """Wherever it meets them: before the merge, after it, and at the winner before the state has moved there."""
    loser = provisional_id(DEVICE.key)
    asked = message("e1", "where is my order", identifiers=[DEVICE])
    told = identified(asked, loser, known=False)
    merge = MergeRequested(loser=loser, winner="C-1", evidence=NUMBER, rule="test", requested_at=NOW + 1)
    messages = [told, merge, found(asked, "order_status", 0.8, loser)]
    replay = Replay(LIVE, NOW + MINUTE)
    replay.fold(*(messages[at] for at in order))
    state = replay.customer("C-1")
    assert state is not None
    assert [thread.intent for thread in state.threads] == ["order_status"]


def test_a_recognition_that_overtakes_the_moved_state_waits_for_it() -> None:
    loser = provisional_id(DEVICE.key)
    asked = message("e1", "where is my order", identifiers=[DEVICE])
    replay = Replay(LIVE, NOW + MINUTE)
    replay.step(identified(asked, loser, known=False))
    merge = MergeRequested(loser=loser, winner="C-1", evidence=NUMBER, rule="test", requested_at=NOW + 1)
    moved = replay.step(merge)
    replay.fold(found(asked, "order_status", 0.8))
    replay.fold(*moved)
    state = replay.customer("C-1")
    assert state is not None
    assert [thread.intent for thread in state.threads] == ["order_status"]


def test_a_replay_recognises_after_the_event() -> None:
    replay = Replay(LIVE, NOW, SHIPPED)
    replay.fold(message("e1", "where is my order"))
    state = replay.customer("C-1")
    assert state is not None
    assert state.threads[0].intent == "order_status"
    assert state.history.about["order_status"].times == 1
    replay.advance(NOW + DAY)
    replay.fold(msgspec.structs.replace(message("e1", "where is my order"), received_at=NOW + DAY))
    again = replay.customer("C-1")
    assert again is not None
    assert again.history.about["order_status"].times == 1
