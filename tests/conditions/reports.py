"""What the comparisons of the CEL compiler saw, in Markdown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib.metadata import version

from tests.conditions.conformance import DIFFERENT, Case, Outcome
from tests.conditions.differential import Seen
from tests.conditions.known import DEVIATIONS

PACKAGES = {"celpy": "cel-python", "Rust": "common-expression-language"}


def differential(seen: Seen, seed: int) -> str:
    """The report of a comparison with the libraries."""
    count = seen.kinds.total()
    errors = sum(number for kind, number in seen.kinds.items() if kind.startswith("error"))
    rows = [
        f"| {library} | {PACKAGES[library]} {version(PACKAGES[library])} | {seen.agreed[library]:,} "
        f"| {sum(number for known, number in seen.put_down.items() if known.startswith(library)):,} "
        f"| {sum(one.library == library for one in seen.differences)} |"
        for library in PACKAGES
    ]
    examples = [known.shown.replace("|", "\\|") for known in DEVIATIONS]
    deviations = [
        f"| {known.library} | {known.reason} | `{example}` | {seen.put_down[str(known)]:,} |"
        for known, example in zip(DEVIATIONS, examples, strict=True)
    ]
    kinds = [f"| {kind} | {number:,} |" for kind, number in seen.kinds.most_common()]
    return "\n".join(
        [
            "# The CEL compiler beside two libraries",
            "",
            f"**{count:,} generated expressions (seed {seed}): {count - len(seen.unchecked):,} confirmed by at "
            f"least one library, {len(seen.differences)} differences that nothing explains.**",
            "",
            "| library | version | the same answer | put down to a known deviation | unexplained |",
            "|---|---|---:|---:|---:|",
            *rows,
            "",
            f"{errors:,} of the expressions are errors. Where a library says which, it is the same one in "
            f"{seen.errors['same']:,} answers and another one in {seen.errors['other']:,} (of two errors in an "
            "expression, CEL leaves open which one counts). "
            f"Values whose type is not what the compiler had said: {len(seen.untyped)}.",
            "",
            "## Where a library is not CEL",
            "",
            "A test shows each of them with the expression given here. The last column says how many answers were "
            "put down to it.",
            "",
            "| library | what is not CEL | for example | answers |",
            "|---|---|---|---:|",
            *deviations,
            "",
            "Neither library has `timestamp(int)`, or `string()` of a bool, a timestamp or a duration, as CEL has "
            "them. They are not generated; the conformance cases and the unit tests check them.",
            "",
            "## What the expressions gave",
            "",
            "| result | expressions |",
            "|---|---:|",
            *kinds,
            "",
            "Written by `make cel-differential`.",
            "",
        ]
    )


def conformance(outcomes: Iterable[tuple[Case, Outcome]]) -> str:
    """The report of the public conformance cases."""
    files: defaultdict[str, Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    for case, outcome in outcomes:
        verdict = "different" if str(case) in DIFFERENT and outcome.verdict == "failed" else outcome.verdict
        files[case.file][verdict] += 1
        if verdict == "refused":
            reasons[outcome.reason] += 1
    whole: Counter[str] = sum(files.values(), Counter())
    verdicts = ("passed", "different", "failed", "refused")
    rows = [
        f"| {file} | {' | '.join(str(counted[verdict]) for verdict in verdicts)} |"
        for file, counted in files.items()
    ]
    return "\n".join(
        [
            "# The public conformance cases of CEL",
            "",
            f"**Of {whole.total():,} cases {whole['passed']:,} pass, {whole['different']} differ for a reason "
            f"given below, {whole['failed']} fail; {whole['refused']:,} are about what conditions do not have, and "
            "refuse.**",
            "",
            "The cases are those of github.com/google/cel-spec (Apache-2.0), `tests/simple/testdata`. To run them, "
            "clone it and say where it is: `make cel-conformance CEL_SPEC=../cel-spec`.",
            "",
            "| file | passed | different | failed | refused |",
            "|---|---:|---:|---:|---:|",
            *rows,
            "",
            "## Refused",
            "",
            "| what the case is about | cases |",
            "|---|---:|",
            *(f"| {reason} | {number:,} |" for reason, number in reasons.most_common()),
            "",
            "## Different",
            "",
            "| case | why |",
            "|---|---|",
            *(f"| {case} | {reason} |" for case, reason in DIFFERENT.items()),
            "",
        ]
    )
