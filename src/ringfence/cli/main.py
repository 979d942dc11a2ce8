"""The `ringfence` command: finds the subcommand, runs it, and turns errors into text and a status.

A subcommand is a module beside this one that holds `command`, a `click.Command`, and `SECTION`, the
heading it stands under in `ringfence --help`. Modules are found by looking, imported when asked for.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from ringfence import __version__
from ringfence.errors import INTERRUPTED, Bug, Error, Misuse, described

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import TextIO

_NOT_COMMANDS = {"__init__", "__main__", "main", "options", "output", "progress"}
_SECTIONS = ("Start here", "Change a schema", "Look", "Prove", "Fill", "Tools")
_STATUSES = (
    ("0", "done, or nothing to report"),
    ("1", "the answer is no: a finding, a difference, a refusal"),
    ("2", "asked wrongly: an option, a configuration key, no project here"),
    ("3", "the server said no"),
    ("70", "a bug in ringfence"),
    ("75", "somebody else holds a lock; try again later"),
    ("130", "interrupted; 143 by SIGTERM, 129 by SIGHUP"),
)


class Commands(click.Group):
    """The subcommands, imported one by one and only when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every subcommand's name, sorted."""
        # Without pathlib, which would be a tenth of what `ringfence --version` costs.
        names = os.listdir(os.path.dirname(__file__))  # noqa: PTH120, PTH208
        stems = (name.removesuffix(".py") for name in names if name.endswith(".py"))
        return sorted(stem for stem in stems if stem not in _NOT_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of that name, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = import_module(f"ringfence.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Ended(getattr(interrupt, "status", INTERRUPTED)) from interrupt

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand that the arguments begin with; of a wrong name, the nearest."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise Misuse(
                f"no command {args[0]}",
                hint=f"did you mean ringfence {near[0]}?"
                if near
                else "ringfence --help lists them",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The subcommands under their headings, then the exit statuses."""
        sections: dict[str, list[tuple[str, str]]] = {name: [] for name in _SECTIONS}
        for name in self.list_commands(ctx):
            module = import_module(f"ringfence.cli.{name}")
            sections[module.SECTION].append((name, module.command.get_short_help_str(limit=66)))
        for heading, rows in sections.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
        with formatter.section("Exit status"):
            formatter.write_dl(_STATUSES)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    epilog="Every command explains itself: ringfence migrate --help.",
)
@click.version_option(__version__, prog_name="ringfence", message="%(prog)s %(version)s")
@click.option(
    "-C",
    "--project",
    type=click.Path(),
    metavar="DIR",
    help="Work as if started in DIR.",
)
@click.pass_context
def cli(ctx: click.Context, project: str | None) -> None:
    """Schema-as-code for PostgreSQL.

    Versioned SQL files hold the schema; ringfence applies, seeds, lints and verifies them.

    \b
    Examples:
      ringfence demo                 see it work, on a server of its own
      ringfence migrate              bring the database to the newest revision
      ringfence migrate --dry-run    what that would run
      ringfence verify               prove that it stands as the files say
    """
    from pathlib import Path

    ctx.obj = None if project is None else Path(project)
    ctx.color = _colour()


def _colour() -> bool | None:
    """False where the environment wants none, None to have each stream decide."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


class Ended(Exception):
    """A command was interrupted, in a form that click hands on without a word of its own."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end: as Ctrl-C, but with a status of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def run() -> None:
    """The console script."""
    # Catalogs are many small objects without circles: looking for those should not take its time.
    gc.set_threshold(100_000, 20, 20)
    sys.exit(main(sys.argv[1:], signals=True))


def _heed_signals() -> None:
    import signal

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # nohup has SIGHUP ignored: so be it.
        usual = (signal.SIG_DFL, signal.default_int_handler)
        if number is not None and signal.getsignal(number) in usual:
            signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    import signal

    _end_at_once_when_asked_again()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Stopped(number)


def _end_at_once_when_asked_again() -> None:
    """Heed another signal, from now on, even while libpq waits for a server that says nothing.

    One that comes right behind the first is the same: who wraps this command may hand it on too.
    """
    import signal
    import threading
    import time

    heard, told = os.pipe()
    os.set_blocking(told, False)
    if (before := signal.set_wakeup_fd(told, warn_on_full_buffer=False)) != -1:
        signal.set_wakeup_fd(before)  # it was asked again already, or somebody else listens
        return
    began = time.monotonic()

    def listen() -> None:
        while number := os.read(heard, 1):
            if time.monotonic() - began > _SAME:
                os.write(2, b"interrupted again: not waiting for the server\n")
                if (many := sys.modules.get("ringfence.many")) is not None:
                    many.kill_all()
                os._exit(128 + number[0])

    threading.Thread(target=listen, name="ringfence-signals", daemon=True).start()


_SAME = 0.5  # seconds


def main(argv: Sequence[str], *, signals: bool = False) -> int:
    """Run one command line and give its exit status.

    With `signals`, SIGTERM and SIGHUP end it as Ctrl-C does: what runs is cancelled on the server. A
    second one does not wait for that.
    """
    streams = sys.stdout, sys.stderr
    # Python has None for a stream that was closed before it started.
    sys.stdout = Tolerant(sys.stdout or _nowhere())
    sys.stderr = Tolerant(sys.stderr or _nowhere(), deaf=True)
    if signals and argv != ["--version"]:  # there is nothing to stop in time
        _heed_signals()
    try:
        status = _run(argv)
        try:
            sys.stdout.flush()
        except Error as error:
            status = max(status, _say(error))
        sys.stderr.flush()
    finally:
        sys.stdout, sys.stderr = streams
    return status


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - lives as long as we do


def _run(argv: Sequence[str]) -> int:
    try:
        status = cli.main(list(argv), prog_name="ringfence", standalone_mode=False)
    except Ended as end:
        return _say_interrupted(end.status)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _say_interrupted(INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help(), err=True)
        return 2
    except click.UsageError as error:
        hint = f"{error.ctx.command_path} --help" if error.ctx else "ringfence --help"
        return _say(Misuse(error.format_message().rstrip(".").replace("\n", " "), hint=hint))
    except click.ClickException as error:
        return _say(Misuse(error.format_message()))
    except Error as error:
        return _say(error)
    except Exception as error:  # noqa: BLE001 - the one place where nothing may pass
        return _say(_translated(error))
    return status if isinstance(status, int) else 0


def _translated(error: Exception) -> Error:
    """Whatever else was raised, as one of ours."""
    if os.environ.get("RINGFENCE_TRACEBACK"):
        raise error
    psycopg = sys.modules.get("psycopg")
    if psycopg is not None:
        from ringfence.pg.connect import server_error

        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, psycopg.Error):
                return server_error(cause)
            cause = cause.__cause__
    if isinstance(error, OSError):
        return Misuse(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    return Bug(
        f"{type(error).__name__}: {error}",
        title="this is a bug in ringfence",
        hint="run it again with RINGFENCE_TRACEBACK=1 and report what it prints",
    )


def _say_interrupted(status: int) -> int:
    said = "interrupted" if status == INTERRUPTED else "told to stop"
    if sys.stderr.isatty():
        click.echo(err=True)  # the terminal has written ^C
    click.echo(click.style(said, fg="yellow"), err=True, color=_colour())
    return status


def _say(error: Error) -> int:
    """Write an error to stderr: what, where with a caret, detail, hint."""
    # Whatever was typed in the wrong place is repeated, but for the password in a URL (which a
    # path writes with one slash) and in key=value pairs.
    for name in ("message", "title", "detail", "hint"):
        text = str(getattr(error, name, "") or "")
        if ":/" in text or "password" in text.lower():
            setattr(error, name, _discreet(text))
    click.echo(rendered(error), err=True, color=_colour())
    return error.status


def _discreet(text: str) -> str:
    import re

    text = re.sub(r"(\w+:/{1,2}[^\s:/@'\"]*:)(?!password@)[^\s'\"]+@", r"\1***@", text)
    return re.sub(r"(?i)(password\s*=\s*)(\\*'(?:[^'\\]|\\.)*'?|[^\s&'\"]+)", r"\1***", text)


_COLOURS: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "place": {"fg": "blue"},
    "caret": {"fg": "red"},
    "label": {"bold": True},
    "hint": {"fg": "cyan"},
}


def rendered(error: Error) -> str:
    """An error as text for people, in colour (which click takes away where there is no terminal)."""
    return described(error, lambda text, role: click.style(text, **_COLOURS[role]))


class Tolerant:
    """A standard stream that outlives its reader.

    `ringfence history | head -1` closes the pipe early. What is still to be said is then dropped,
    and the command ends with the status its work earned. A `deaf` stream drops what cannot be
    written for any other reason too: no revision is given up because a log's disk is full. What
    the stream's encoding lacks is written as escapes.
    """

    def __init__(self, stream: TextIO, *, deaf: bool = False) -> None:
        self._stream = stream
        self._ignored = OSError if deaf else BrokenPipeError
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str | bytes) -> int:
        """Write, or drop the text when nobody reads any more."""
        if not text:  # click's way to ask what kind of a stream this is
            if isinstance(text, bytes):
                raise TypeError("this is a text stream")
            return 0
        if isinstance(text, bytes):  # and its way to hand on what a shell is to complete
            text = text.decode()
        try:
            return self._stream.write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """Flush, or drop what is left when nobody reads any more."""
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        # The interpreter flushes again at exit: give it somewhere to flush to.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)
        if not isinstance(error, self._ignored):
            raise Misuse(f"cannot write the answer: {error.strerror}") from error

    def __getattr__(self, name: str) -> Any:
        """The rest of a text stream, as it is."""
        if name == "buffer":  # click would write past us where it distrusts the encoding
            raise AttributeError(name)
        return getattr(self._stream, name)
