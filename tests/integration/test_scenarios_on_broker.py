"""Every scenario file, on a real broker through the real agents."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.local.broker import Broker
from pipeline.local.scenarios.broker import BrokerDriver
from pipeline.local.scenarios.check import check
from pipeline.local.scenarios.form import Scenario, load
from pipeline.pack import load_rules

FILES = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))


@pytest.mark.kafka
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_must_happen_happens_on_the_broker(path: Path, broker: Broker, topic_prefix: str) -> None:
    scenario, rules = load(path), load_rules()
    assert isinstance(scenario, Scenario)
    assert not isinstance(rules, list)

    result = check(scenario, BrokerDriver(broker.bootstrap, topic_prefix), rules)

    assert result.problems == []
