"""Whole outputs kept as files: tests/golden/NAME is what a person reads.

UPDATE_GOLDEN=1 writes them anew; the difference then goes through review as the change it is.
"""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> None:
    """Assert that `text` is what tests/golden/`name` holds."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no {path}; UPDATE_GOLDEN=1 writes it"
    assert text == path.read_text(encoding="utf-8")
