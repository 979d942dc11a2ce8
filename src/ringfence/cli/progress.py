"""What a person watches while something takes its time: lines on standard error."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ringfence.execute import Progress


class Watch:
    """Writes progress to standard error; on a terminal the running revision's line is live."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._open = False
        self._said = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._open:
            click.echo(err=True)  # leave the unfinished line for the error to follow

    def listen(self, progress: Progress) -> None:
        """Show one piece of progress."""
        from ringfence.pg.ledger import interval

        if progress.what == "planned":
            noun = "revision" if progress.total == 1 else "revisions"
            click.echo(f"{progress.total} {noun} to run on {self._where}", err=True)
        elif progress.what == "waiting":
            click.echo(f"waiting for another run: {progress.text}", err=True)
        elif progress.what == "notice":
            self._clear()
            click.echo(click.style(f"  {progress.text}", dim=True), err=True)
        elif progress.what in ("blocked", "retry"):
            self._blocked(progress)
        elif progress.what == "batch":
            self._batch(progress)
        elif progress.what in ("started", "statement") and self._live:
            counted = f" {progress.number}/{progress.total}" if progress.what == "statement" else ""
            self._clear()
            click.echo(f"  {_arrow(progress)} {progress.revision}{counted} …", nl=False, err=True)
            self._open = True
        elif progress.what == "finished":
            self._clear()
            mark = click.style("✓", fg="green")
            took = click.style(interval(progress.seconds), dim=True)
            click.echo(f"  {mark} {_arrow(progress)} {progress.revision}  {took}", err=True)

        elif progress.what == "failed":
            self._clear()
            mark = click.style("✗", fg="red")
            left = click.style(progress.text, dim=True)
            click.echo(f"  {mark} {_arrow(progress)} {progress.revision}  {left}", err=True)

    def _blocked(self, progress: Progress) -> None:
        """Who or what a statement waits for: said again only when it is something else."""
        counted = f" {progress.number}/{progress.total}" if progress.total else ""
        text = f"  {_arrow(progress)} {progress.revision}{counted} … {progress.text}"
        width = shutil.get_terminal_size().columns - 1
        said = re.sub(r"\d[\d:.]*( %)?", "", progress.text)
        # A live line cannot be longer than the terminal is wide: what it cuts off is said above it.
        if said != self._said and (len(text) > width or not self._live):
            self._clear()
            click.echo(click.style(f"  {progress.text}", dim=True), err=True)
            self._said = said
        if self._live:
            self._clear()
            click.echo(text[:width], nl=False, err=True)
            self._open = True

    def _batch(self, progress: Progress) -> None:
        """How far a backfill is: a bar on a terminal, elsewhere a line at every tenth of it."""
        from ringfence.pg.ledger import interval

        share = min(1.0, progress.number / progress.total) if progress.total else 0.0
        left = progress.seconds * (1 - share) / share if share else 0.0
        text = f"{progress.number} rows, {share:.0%}, about {interval(left)} left"
        if self._live:
            self._clear()
            bar = "█" * int(20 * share)
            line = f"  {_arrow(progress)} {progress.revision} {bar:░<20} {text}"
            click.echo(line[: shutil.get_terminal_size().columns - 1], nl=False, err=True)
            self._open = True
        elif (tenth := f"{progress.revision} {int(share * 10)}") != self._said:
            click.echo(click.style(f"  {text}", dim=True), err=True)
            self._said = tenth

    def _clear(self) -> None:
        if self._open:
            click.echo("\r\033[K", nl=False, err=True)
            self._open = False


class Rows:
    """Writes to standard error how tables are filled: a live line on a terminal, and a line now and
    then where there is none, once it takes long."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._open = False
        self._said = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()

    def listen(self, table: str, done: int, total: int, seconds: float) -> None:
        """Show how far a table has come."""
        now = self._clock()
        if now - self._said < (0.1 if self._live else 10) and (done < total or not self._live):
            return
        self._said = now
        rate = done / seconds if seconds else 0.0
        left = (total - done) / rate if rate else 0.0
        text = f"{table}  {done:,} of {total:,} rows  {rate:,.0f} rows/s"
        if done < total:
            text += f"  {_left(left)} left"
        self._clear()
        click.echo(text, nl=not self._live, err=True)
        self._open = self._live

    def _clear(self) -> None:
        if self._open:
            click.echo("\r\033[K", nl=False, err=True)
            self._open = False


def _left(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _arrow(progress: Progress) -> str:
    return "up  " if progress.direction == "up" else "down"
