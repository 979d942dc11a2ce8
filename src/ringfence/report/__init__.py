"""How a report leaves: one module a format, found by looking.

A format is a module beside this one with `render(report, *, width, colour) -> str`, which gives the
whole answer, newline at its end. `width` is in terminal cells, 0 where lines may be as long as they
are; a format for machines takes both and heeds neither.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from ringfence.finding import Report


def formats() -> tuple[str, ...]:
    """Every format's name; the one for people comes first."""
    names = {p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_")}
    return tuple(sorted(names, key=lambda name: (name != "text", name)))


def render(report: Report, format_: str = "text", *, width: int = 0, colour: bool = False) -> str:
    """A report in one of `formats()`. Raises `Misuse` for another name."""
    if format_ not in formats():
        raise Misuse(f"no report format {format_}", hint=f"one of: {', '.join(formats())}")
    text = import_module(f"{__name__}.{format_}").render(report, width=width, colour=colour)
    assert isinstance(text, str)
    return text


def write(report: Report, format_: str, stream: TextIO) -> None:
    """Write a report to a stream, as wide and colourful as the stream can take.

    A pipe or a file gets whole lines without colour. Characters that the stream's encoding lacks
    are written as escapes: a report never fails for its alphabet.
    """
    width, colour = _taste(stream)
    text = render(report, format_, width=width, colour=colour)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def emit(report: Report, format_: str, outputs: Mapping[str, Path], stream: TextIO) -> None:
    """Write a report to a stream in one format, and to files in others.

    Raises `Misuse` where a file cannot be written; nothing was written to the stream then.
    """
    for name, path in outputs.items():
        text = render(report, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Misuse(f"cannot write {path}: {error.strerror}") from None
    write(report, format_, stream)


def outputs(given: Iterable[str]) -> dict[str, Path]:
    """What `--output FORMAT=FILE` says, checked before any work is done. Raises `Misuse`."""
    found: dict[str, Path] = {}
    for each in given:
        name, equals, path = each.partition("=")
        if not equals or not path:
            raise Misuse(f"--output {each} names no file", hint="write --output sarif=report.sarif")
        if name not in formats():
            raise Misuse(f"no report format {name}", hint=f"one of: {', '.join(formats())}")
        if name in found:
            raise Misuse(f"--output gives {name} twice", hint="one file for each format")
        if Path(path).is_dir():
            raise Misuse(f"--output {each}: {path} is a folder", hint="name a file in it")
        folder = Path(path).resolve().parent
        if not folder.is_dir() and not folder.is_relative_to(Path.cwd()):
            # Below where one works, it is made; elsewhere it is rather a slip.
            raise Misuse(f"--output {each}: there is no folder {folder}", hint=f"mkdir -p {folder}")
        found[name] = Path(path)
    return found


def _taste(stream: TextIO) -> tuple[int, bool]:
    """The stream's width (0: no limit) and whether it shows colours."""
    if not stream.isatty():
        return 0, False
    import shutil  # milliseconds that a pipe need not pay

    width = shutil.get_terminal_size((80, 24)).columns
    return width, not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
