"""Waiting for what another session or process does: by looking, up to a patience, never by a sleep alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60.0  # seconds


def wait_until(true: Callable[[], object], said: Callable[[], str] = str) -> None:
    """Look until something is so; `said` tells more where it never is."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"it never came to that {said()}"
        time.sleep(0.01)
