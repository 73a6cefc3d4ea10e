"""Sweeps on a real Slurm and a real Ray, of one node each, started for the tests: `make test-cluster`."""

import json
import os
import platform
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.cluster_sweep import Sweep, Transcript

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "cluster.txt"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def say(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Transcript]:
    """Keep what was seen, where all of it went well."""
    transcript = Transcript()
    yield transcript
    if not request.session.testsfailed and all(f"== {name}" in transcript.text for name in ("slurm", "Ray")):
        text = transcript.text.replace(str(tmp_path_factory.getbasetemp()), "TMP").replace(platform.node(), "NODE")
        RESULTS.write_text(text, encoding="utf-8")


@pytest.fixture
def sweep(tmp_path: Path, say: Transcript) -> Iterator[Callable[..., Sweep]]:
    made: list[Sweep] = []

    def make(*arguments: str, **env: str) -> Sweep:
        made.append(Sweep(tmp_path, arguments, env, say))
        return made[-1]

    yield make
    for one in made:  # whatever a failed test has left running
        for file in one.runs.glob("*/run.lock"):
            try:
                os.kill(json.loads(file.read_text())["pid"], signal.SIGKILL)
            except (OSError, ValueError):
                continue
