"""A worker that was away: what waits for an event's absence is judged only after the backlog is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.local.broker import Broker
from pipeline.local.scenarios.broker import BrokerDriver
from pipeline.local.scenarios.form import Delivery, Scenario, load
from pipeline.local.scenarios.payloads import payload
from pipeline.observe.clock import wall_clock
from pipeline.pack import load_rules

SCENARIO = Path(__file__).parents[1] / "scenarios" / "04a-quiet-in-the-form.yaml"
MINUTE_MS = 60_000


class AwayDriver(BrokerDriver):
    """A driver whose worker can be stopped, and started again at another time."""

    def leave(self) -> None:
        self._settle()
        self._ask(self._app.stop())

    def come_back(self, now: int) -> None:
        rules = load_rules()
        assert not isinstance(rules, list)
        self._now = now
        self._app, self._customers = self._ask(self._started(rules))


@pytest.mark.kafka
@pytest.mark.parametrize("submitted", [True, False])
def test_an_absence_is_judged_after_the_backlog(submitted: bool, broker: Broker, topic_prefix: str) -> None:
    scenario, rules = load(SCENARIO), load_rules()
    assert isinstance(scenario, Scenario)
    assert not isinstance(rules, list)
    started = next(one for one in scenario.when if one.payload == "web_form_started.json")
    driver, now = AwayDriver(broker.bootstrap, topic_prefix), wall_clock()
    driver.start(rules, now)
    try:
        driver.deliver(started.channel, payload(scenario, started, "started", now), now)
        driver.leave()
        if submitted:
            end = Delivery.model_validate(
                {"at": "0s", "channel": "web", "payload": "web_form_submitted.json", "with": started.with_}
            )
            driver.deliver("web", payload(scenario, end, "submitted", now + MINUTE_MS), now + MINUTE_MS)
        driver.come_back(now + 20 * MINUTE_MS)
        driver.advance(now + 20 * MINUTE_MS)
        offered = [command.kind for command in driver.commands() if command.kind == "offer_chat"]
    finally:
        driver.stop()

    assert offered == ([] if submitted else ["offer_chat"])
