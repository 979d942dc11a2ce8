"""Schema-as-code for PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ringfence.api import apply, compare, diff, extract, load, plan, prove

__version__ = "0.1.0"

__all__ = ["__version__", "apply", "compare", "diff", "extract", "load", "plan", "prove"]


def __getattr__(name: str) -> Any:
    """The public functions, brought in when the first is asked for: a command needs few of them."""
    if name in __all__:
        # A function and the module it stands in may share a name: the package's is the function.
        from ringfence import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
