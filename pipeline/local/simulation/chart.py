"""The chart of a simulation as a picture: bars for what each strategy sends, active and draft."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment

from pipeline.local.simulation.report import ACTIVE, DRAFT, Row

_WIDTH, _NAMES, _LINE, _TOP = 900, 340, 18, 56
_TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """\
<svg xmlns="http://www.w3.org/2000/svg" width="{{ width }}" height="{{ height }}" font-family="sans-serif" \
font-size="14" role="img">
<title>{{ title }}</title>
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="24" font-size="18">{{ title }}</text>
{% for label, x, colour in legend %}
<rect x="{{ x }}" y="34" width="12" height="12" fill="{{ colour }}"/>
<text x="{{ x + 18 }}" y="45">{{ label }}</text>
{% endfor %}
{% for bar in bars %}
{% if bar.label %}
<text x="{{ bar.x - 10 }}" y="{{ bar.y + 22 }}" text-anchor="end">{{ bar.label }}</text>
{% endif %}
<rect x="{{ bar.x }}" y="{{ bar.y }}" width="{{ bar.length }}" height="{{ bar.height }}" fill="{{ bar.colour }}"/>
<text x="{{ bar.x + bar.length + 6 }}" y="{{ bar.y + 13 }}">{{ bar.figure }}</text>
{% endfor %}
</svg>
"""
)


def write_chart(path: Path, title: str, sent: Sequence[Row]) -> None:
    """Write an SVG file with two bars for each row. Raises OSError when it cannot be written."""
    most = max((max(row.active, row.draft) for row in sent), default=0) or 1
    room = _WIDTH - _NAMES - 80
    bars = [
        {
            "label": "" if at else f"{row.strategy}: {row.what}",
            "x": _NAMES,
            "y": _TOP + number * 3 * _LINE + at * _LINE,
            "length": round(room * figure / most, 1),
            "height": _LINE - 3,
            "colour": colour,
            "figure": f"{figure:,}",
        }
        for number, row in enumerate(sent)
        for at, (figure, colour) in enumerate(((row.active, ACTIVE), (row.draft, DRAFT)))
    ]
    text = _TEMPLATE.render(
        width=_WIDTH,
        height=_TOP + max(len(sent), 1) * 3 * _LINE,
        title=title,
        legend=[("active", _NAMES, ACTIVE), ("draft", _NAMES + 90, DRAFT)],
        bars=bars,
    )
    path.write_text(text, encoding="utf-8")
