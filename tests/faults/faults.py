"""Every fault of the campaign, in the order of the report."""

from __future__ import annotations

from tests.faults import process_kills
from tests.faults.campaign import Fault

FAULTS: list[Fault] = [*process_kills.FAULTS]
