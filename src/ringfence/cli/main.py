"""The `ringfence` command: finds the subcommand, runs it, and turns errors into text and a status.

A subcommand is a module beside this one that holds `command`, a `click.Command`, and `SECTION`, the
heading it stands under in `ringfence --help`. Modules are found by looking, imported when asked for.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ringfence import __version__
from ringfence.errors import INTERRUPTED, Bug, Error, Misuse

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    ("130", "interrupted"),
)


class Commands(click.Group):
    """The subcommands, imported one by one and only when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every subcommand's name, sorted."""
        here = Path(__file__).parent
        return sorted(p.stem for p in here.glob("*.py") if p.stem not in _NOT_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of that name, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = import_module(f"ringfence.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

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
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Work as if started in DIR.",
)
@click.pass_context
def cli(ctx: click.Context, project: Path | None) -> None:
    """Schema-as-code for PostgreSQL.

    Versioned SQL files hold the schema; ringfence applies, seeds, lints and verifies them.

    \b
    Examples:
      ringfence demo                 see it work, on a server of its own
      ringfence migrate              bring the database to the newest revision
      ringfence migrate --dry-run    what that would run
      ringfence verify               prove that it stands as the files say
    """
    ctx.obj = project


def run() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command line and give its exit status."""
    sys.stdout = Tolerant(sys.stdout)
    try:
        status = _run(argv)
    finally:
        sys.stdout.flush()
    return status


def _run(argv: Sequence[str]) -> int:
    try:
        status = cli.main(list(argv), prog_name="ringfence", standalone_mode=False)
    except click.exceptions.Abort:
        return _say_interrupted()
    except KeyboardInterrupt:
        return _say_interrupted()
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


def _say_interrupted() -> int:
    click.echo(click.style("interrupted", fg="yellow"), err=True)
    return INTERRUPTED


def _say(error: Error) -> int:
    """Write an error to stderr: what, where with a caret, detail, hint."""
    click.echo(rendered(error), err=True)
    return error.status


def rendered(error: Error) -> str:
    """An error as text for people, in colour (which click takes away where there is no terminal)."""
    message = f"{error.title}: {error.message}" if error.title else error.message
    lines = [click.style("error:", fg="red", bold=True) + f" {message}"]
    span = error.span
    if span is not None:
        lines.append(f"  {span}")
        if span.text:
            number = str(span.line)
            shown = span.text.replace("\t", " ")
            lines.append(click.style(f"  {number} | ", fg="blue") + shown)
            if span.column:
                pad = " " * (len(number) + 2)
                caret = " " * (span.column - 1) + "^"
                lines.append(click.style(f"{pad} | ", fg="blue") + click.style(caret, fg="red"))
    if error.detail:
        lines.append(click.style("detail:", bold=True) + f" {error.detail}")
    if error.hint:
        lines.append(click.style("hint:", fg="cyan") + f" {error.hint}")
    return "\n".join(lines)


class Tolerant:
    """Standard output that outlives its reader.

    `ringfence history | head -1` closes the pipe early. What is still to be said is then dropped,
    and the command ends with the status its work earned.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or drop the text when nobody reads any more."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Flush, or drop what is left when nobody reads any more."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        # The interpreter flushes again at exit: give it somewhere to flush to.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._stream.fileno())
        os.close(null)

    def __getattr__(self, name: str) -> Any:  # the rest of a text stream, as it is
        return getattr(self._stream, name)
