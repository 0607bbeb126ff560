"""The demo's screen: two columns on a terminal, one line after the other elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipeline.domain.actions import Refund
from pipeline.domain.messages import ActionCommand, Decision, Outcome, Reason
from pipeline.local.demo.screen import fitting, screen
from pipeline.local.demo.story import Happening, Story

REFUND = ActionCommand(
    action_id="a",
    customer_id="c",
    kind="refund",
    lane="service_reply",
    body=Refund(order_id="1001", amount=4.95, currency="GBP", reason="wrong_size"),
    strategy_id="s",
    strategy_version=1,
    attempt_key="k",
    step="refund",
    occurrence=0,
    event_id="e-2",
)


def decision(outcome: Outcome) -> Decision:
    return Decision(
        decision_id="d",
        customer_id="c",
        outcome=outcome,
        strategy_id="s",
        strategy_version=1,
        attempt_key="k",
        step="label",
        event_id="e-1",
        reasons=[Reason(rule="customer.known", held=False)],
    )


def happening(number: int) -> Happening:
    return Happening(f"e-{number}", "form_field", f"10:00:0{number}", "Web", f"fills in field {number}")


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def story() -> Story:
    story = Story("The title")
    for number in (1, 2, 3):
        story.happens(happening(number))
    story.answered(REFUND, 23.4)
    story.answered(decision("suppressed"), 40.0)
    return story


def test_an_answer_stands_beside_the_event_that_caused_it(story: Story) -> None:
    assert [len(one.answers) for one in story.happenings] == [1, 1, 0]
    assert story.happenings[1].answers[0].acts
    assert not story.happenings[0].answers[0].acts


def test_a_decision_to_act_is_shown_by_its_commands_alone(story: Story) -> None:
    assert story.answered(decision("fired"), 1.0) is None
    assert len(story.happenings[0].answers) == 1


def test_the_answer_to_an_unknown_event_is_not_shown() -> None:
    assert Story("empty").answered(REFUND, 1.0) is None


def test_two_columns(story: Story) -> None:
    console = Console(file=io.StringIO(), width=120, height=40, force_terminal=True, color_system=None)
    console.print(fitting(story, console))
    shown = text(console)
    line = next(line for line in shown.splitlines() if "fills in field 2" in line)
    assert "The title" in shown
    assert "10:00:02 Web: fills in field 2" in line
    assert "▸   23 ms Refund of 4.95 GBP on order 1001" in line
    assert "✗   40 ms No label (s): customer.known does not hold" in shown


def test_a_story_higher_than_the_terminal_shows_its_latest_part(story: Story) -> None:
    for number in range(4, 10):
        story.happens(happening(number))
    console = Console(file=io.StringIO(), width=120, height=10, force_terminal=True, color_system=None)
    console.print(fitting(story, console))
    shown = text(console)
    assert "field 9" in shown
    assert "field 1" not in shown
    assert len(shown.splitlines()) <= console.height


def test_a_line_for_everything_where_there_is_no_terminal() -> None:
    console = Console(file=io.StringIO(), width=200)
    with screen(Story("The title"), console) as shown:
        shown.happens(happening(2))
        shown.answered(REFUND, 23.4)
        shown.answered(decision("fired"), 5.0)
    assert text(console).splitlines() == [
        "",
        "The title",
        "10:00:02  Web: fills in field 2",
        "    ▸   23 ms  Refund of 4.95 GBP on order 1001",
    ]


def test_on_a_terminal_the_whole_story_stays_even_if_it_is_higher() -> None:
    console = Console(file=io.StringIO(), width=120, height=10, force_terminal=True, color_system=None)
    with screen(Story("The title"), console) as shown:
        for number in range(1, 10):
            shown.happens(happening(number))
        shown.answered(REFUND, 23.4)
    stays = text(console).rpartition("The title")[2]
    assert "Refund of 4.95 GBP on order 1001" in stays
    assert all(f"fills in field {number}" in stays for number in range(1, 10))
