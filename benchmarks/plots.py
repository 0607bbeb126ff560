"""Plots of what was measured: SVG files, byte for byte the same for the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pygal
from pygal.style import Style

# pygal notes the day and a script for hovering; neither belongs into a file that is kept.
_VOLATILE = ("script", "comment")
_STYLE = Style(
    background="white",
    plot_background="white",
    transition="none",
    font_family="sans-serif",
    opacity="1",
    colors=("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2"),
    label_font_size=14,
    major_label_font_size=14,
    value_font_size=14,
    title_font_size=18,
)
_COMMON: dict[str, Any] = {"js": [], "no_prefix": True, "style": _STYLE, "width": 900}


def bars(path: Path, title: str, unit: str, values: dict[str, tuple[float, float, float]]) -> None:
    """Write horizontal bars, the first of `values` at the top: name → (median, lowest, highest), in `unit`.

    The lowest and highest are drawn as a whisker.
    """
    chart = pygal.HorizontalBar(
        **_COMMON,
        title=title,
        x_title=unit,
        height=120 + 60 * len(values),
        show_legend=False,
        max_scale=8,
        truncate_label=-1,
        formatter=_figure,
        include_x_axis=True,
    )
    chart.range = (0, 1.05 * max(high for _, _, high in values.values()))
    # The bars go upwards from the axis.
    upwards = list(reversed(values.items()))
    chart.x_labels = [f"{name}: {_figure(middle)}" for name, (middle, _, _) in upwards]
    chart.add("", [_bar(*value) for _, value in upwards])
    _write(chart, path)


def lines(
    path: Path, title: str, x_label: str, y_label: str, series: dict[str, list[tuple[float, float]]]
) -> None:
    """Write one line for each of `series`: name → points (x, y). The y axis begins at 0."""
    chart = pygal.XY(
        **_COMMON,
        title=title,
        x_title=x_label,
        y_title=y_label,
        height=500,
        truncate_label=-1,
        truncate_legend=-1,
        legend_at_bottom=True,
        x_value_formatter=_figure,
        formatter=_figure,
        include_x_axis=True,
    )
    for name, points in series.items():
        chart.add(name, points)
    _write(chart, path)


def _bar(middle: float, low: float, high: float) -> dict[str, Any]:
    return {"value": middle, "ci": {"low": low, "high": high}}


def _figure(value: float | Sequence[float]) -> str:
    """A figure with thousands separators; small ones keep two significant digits. Of a point, its y."""
    figure = value[1] if isinstance(value, Sequence) else value
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def _write(chart: Any, path: Path) -> None:
    chart.add_xml_filter(_settled)
    path.write_bytes(chart.render())


def _settled(root: Any) -> Any:
    """The picture without what changes from day to day."""
    for parent in list(root.iter()):
        for child in list(parent):
            # An XML comment's tag is the function that makes one.
            kind = child.tag if isinstance(child.tag, str) else child.tag.__name__.lower()
            if kind.rsplit("}")[-1] in _VOLATILE:
                parent.remove(child)
    return root
