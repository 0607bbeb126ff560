"""`python -m tests.conditions`: the CEL compiler beside two libraries, and on the public conformance cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from tests.conditions import reports
from tests.conditions.conformance import DIFFERENT, cases, run
from tests.conditions.differential import compare
from tests.conditions.expressions import samples

HERE = Path(__file__).parent
SHOWN = 20

app = typer.Typer(no_args_is_help=True, add_completion=False)
console = Console(markup=False, highlight=False)


@app.command()
def differential(
    count: Annotated[int, typer.Option(min=1, help="How many expressions.")] = 24_000,
    seed: Annotated[int, typer.Option(help="What they are made from.")] = 1,
) -> None:
    """Evaluate generated expressions here, in celpy and in the Rust crate; compare; write DIFFERENTIAL.md.

    Exit code 1 when a difference is put down to nothing that is known of a library.
    """
    seen = compare(track(samples(count, seed), "Comparing", total=count, transient=True))
    for one in seen.differences[:SHOWN]:
        console.print(f"{one.library}: {one.sample.text}\n  ours {one.ours}, theirs {one.theirs}")
    _write(HERE / "DIFFERENTIAL.md", reports.differential(seen, seed))
    raise typer.Exit(1 if seen.differences or seen.untyped else 0)


@app.command()
def conformance(
    spec: Annotated[Path, typer.Argument(help="A clone of github.com/google/cel-spec.", metavar="CEL_SPEC")],
) -> None:
    """Run the public conformance cases, and write CONFORMANCE.md.

    Exit code 1 when other cases fail than those that are known to be different, 2 when there are none.
    """
    found = list(cases(spec / "tests" / "simple" / "testdata"))
    if not found:
        console.print(f"{spec}: no conformance cases there; clone https://github.com/google/cel-spec")
        raise typer.Exit(2)
    outcomes = [(case, run(case)) for case in track(found, "Running", transient=True)]
    failed = {str(case): outcome.reason for case, outcome in outcomes if outcome.verdict == "failed"}
    for name in sorted(failed.keys() ^ DIFFERENT.keys())[:SHOWN]:
        console.print(f"{name}: {failed.get(name, 'passes, and is said to be different')}")
    _write(HERE / "CONFORMANCE.md", reports.conformance(outcomes))
    raise typer.Exit(0 if failed.keys() == DIFFERENT.keys() else 1)


def _write(path: Path, report: str) -> None:
    path.write_text(report, encoding="utf-8")
    console.print(report.splitlines()[2].strip("*"))
    console.print(f"Written: {path}")


if __name__ == "__main__":
    app()
