"""Run a change on a shadow with rows in it, and see what it does before production does.

`rehearse` runs revisions or a file; what it saw of each statement is in the `Rehearsal`'s parts, what
somebody should know in its report.
"""

from __future__ import annotations

from ringfence.rehearse.files import File, unknown
from ringfence.rehearse.hazards import Measured, Part
from ringfence.rehearse.instead import Rewritten
from ringfence.rehearse.plans import Planned, read
from ringfence.rehearse.run import Rehearsal, agree, rehearse

__all__ = [
    "File",
    "Measured",
    "Part",
    "Planned",
    "Rehearsal",
    "Rewritten",
    "agree",
    "read",
    "rehearse",
    "unknown",
]
