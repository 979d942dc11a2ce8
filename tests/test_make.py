"""What `make` says where it is asked for tests that there are not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ("tests/nosuch.py", "ERROR: file or directory not found: tests/nosuch.py"),
        (
            "tests/unit/test_words.py::nosuch",
            f"ERROR: not found: {ROOT}/tests/unit/test_words.py::nosuch",
        ),
    ],
)
def test_a_selection_of_nothing_says_why(tests: str, why: str) -> None:
    ours = ("PYTEST_", "RINGFENCE_", "MAKE", "MFLAGS")
    done = subprocess.run(
        ["make", "-o", "setup", "test", f"TESTS={tests}", "JOBS=1", f"VENV={sys.prefix}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(ours)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done
    said = done.stderr.splitlines()
    assert why in said
    assert said[-2] == "error: no test was selected: look at TESTS"
