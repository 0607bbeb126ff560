"""The wheel is complete: it runs from its own files, with no checkout in sight."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROUND_TRIP = """
import sys
from pathlib import Path
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.wire.codec import Codec
from pipeline.wire.files import schema_directory
import pipeline

here = Path.cwd()
assert Path(pipeline.__file__).is_relative_to(here), pipeline.__file__
assert schema_directory().is_relative_to(here), schema_directory()
value = Interaction(
    event_id="e-1", channel="web", kind="page_viewed", interaction_id="v-1", occurred_at=1, received_at=2,
    source="test", identifiers=[Identifier("device", "d-1")],
)
codec = Codec()
assert codec.decode(codec.encode(None, value)) == value
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without network."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(directory.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with nothing but what the wheel holds."""
    directory = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    return directory


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the wheel's files and the dependencies, without the .pth files that lead to a checkout."""
    path = os.pathsep.join((str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_checkout_is_not_in_sight(installed: Path) -> None:
    shown = run(installed, "-c", "import sys; print(*sys.path, sep='\\n')")
    assert str(ROOT) not in shown.stdout.splitlines()


def test_the_shipped_strategies_are_valid(installed: Path) -> None:
    done = run(installed, "-m", "pipeline.cli", "strategies", "validate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("strategies are valid\n")


def test_the_shipped_model_reads_what_customers_want(installed: Path) -> None:
    done = run(installed, "-m", "pipeline.cli", "intents", "classify", "where is my order")
    assert done.stdout.startswith("order_status"), done.stderr


def test_a_record_can_be_written_and_read(installed: Path) -> None:
    done = run(installed, "-c", ROUND_TRIP)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("directory", "place"),
    [
        ("schemas", "pipeline/_data/schemas"),
        ("tests/scenarios", "pipeline/_data/scenarios"),
        ("pipeline/pack", "pipeline/pack"),
        ("pipeline/local", "pipeline/local"),
    ],
)
def test_every_file_that_is_no_program_is_in_it(installed: Path, directory: str, place: str) -> None:
    source = ROOT / directory
    files = [
        path
        for path in source.rglob("*")
        if path.suffix in {".avsc", ".yaml", ".json", ".csv", ".gz", ".lock"}
    ]
    assert files
    missing = [path for path in files if not (installed / place / path.relative_to(source)).is_file()]
    assert not missing


def test_the_licence_is_in_it(installed: Path) -> None:
    (licence,) = installed.glob("*.dist-info/licenses/LICENSE")
    assert licence.read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_scenarios_of_the_demo_are_found(installed: Path) -> None:
    program = "from pipeline.local.demo.play import scenario_directory; print(scenario_directory())"
    done = run(installed, "-c", program)
    assert done.stdout.strip() == str(installed / "pipeline" / "_data" / "scenarios"), done.stderr
