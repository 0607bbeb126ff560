"""`python -m pipeline.local.scenarios [DIRECTORY]`: play all scenarios in memory and print the table.

Exit code 0 when all pass, 1 when one does not, 2 when a file is wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from pipeline.local.scenarios.check import check
from pipeline.local.scenarios.form import load
from pipeline.local.scenarios.memory import MemoryDriver
from pipeline.local.scenarios.table import print_results
from pipeline.pack import load_rules


def main(directory: Path) -> int:
    """Play the scenarios in a directory; the exit code."""
    errors = Console(stderr=True)
    rules = load_rules()
    loaded = [load(path) for path in sorted(directory.glob("*.yaml"))]
    problems = [problem for one in (rules, *loaded) if isinstance(one, list) for problem in one]
    if not loaded:
        errors.print(f"{directory}: holds no scenario (*.yaml); name the directory that does", markup=False)
    for problem in problems:
        errors.print(str(problem), markup=False)
    if problems or not loaded or isinstance(rules, list):
        return 2
    results = [
        check(scenario, MemoryDriver(), rules) for scenario in loaded if not isinstance(scenario, list)
    ]
    return 0 if print_results(results, Console()) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "tests/scenarios")))
