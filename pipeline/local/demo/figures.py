"""Latencies in figures."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all values do not exceed, by the nearest-rank method.

    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("no values, no percentile")
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def latency_summary(latencies_ms: Sequence[float]) -> dict[str, float | int | None]:
    """p50, p95 and p99 in milliseconds to a tenth (None without any), and how many there were."""
    summary: dict[str, float | int | None] = {
        name: round(percentile(latencies_ms, share), 1) if latencies_ms else None
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    return {**summary, "count": len(latencies_ms)}
