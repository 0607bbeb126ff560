"""The documents of the project."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def _is_ours(path: Path) -> bool:
    """Not in a hidden directory, where environments and caches are."""
    return not any(part.startswith(".") for part in path.relative_to(ROOT).parts)


DOCUMENTS = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.md")) if _is_ours(path)}
