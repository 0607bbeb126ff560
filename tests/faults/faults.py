"""Every fault of the campaign, in the order of the report."""

from __future__ import annotations

from tests.faults import (
    environment_broker,
    environment_changelog,
    environment_input,
    environment_state,
    process_kills,
    process_lives,
)
from tests.faults.campaign import Fault

FAULTS: list[Fault] = [
    *process_kills.FAULTS,
    *process_lives.FAULTS,
    *environment_broker.FAULTS,
    *environment_state.FAULTS,
    *environment_changelog.FAULTS,
    *environment_input.FAULTS,
]
