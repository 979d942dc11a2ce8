"""The command's frame: help, version, completion, wrong words, and what is loaded for it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from goldens import golden
from projects import BIN, lines
from ringfence import __version__
from ringfence.cli import main as frame
from ringfence.cli.main import cli, main
from ringfence.errors import Bug, Misuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMANDS = cli.list_commands(click.Context(cli))


def ringfence(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "ringfence"), *argv],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def every(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """The names of every command and of every command below one."""
    context = click.Context(group)
    for name in group.list_commands(context):
        yield (*before, name)
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from every(command, *before, name)


def test_help_reads_as_it_should(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    golden("cli/help.txt", out)
    assert main(["-h"]) == 0
    assert capsys.readouterr().out == out


def test_without_a_command_help_is_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: ringfence [OPTIONS] COMMAND [ARGS]...\n")


@pytest.mark.parametrize("words", list(every(cli)), ids=" ".join)
def test_every_command_explains_itself(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*words, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    first, *rest = out.splitlines()
    assert first.startswith(f"Usage: ringfence {' '.join(words)} ")
    summary = rest[1].strip()
    assert summary[0].isupper(), summary
    assert all(len(line) <= 80 for line in rest), [line for line in rest if len(line) > 80]
    monkeypatch.setenv("COLUMNS", "60")
    assert main([*words, "--help"]) == 0


def test_every_command_stands_under_a_heading() -> None:
    for name in COMMANDS:
        module = sys.modules.get(f"ringfence.cli.{name}") or __import__(
            f"ringfence.cli.{name}", fromlist=["command"]
        )
        assert module.SECTION in frame._SECTIONS, name


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ringfence {__version__}\n"


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ringfence", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"ringfence {__version__}\n"


HEAVY = "{'psycopg', 'alembic', 'sqlalchemy', 'rich', 'sqlfluff', 'postgast', 'asyncio', 'importlib.metadata'}"


def test_version_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ringfence.cli.main import main; main(['--version']);"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"ringfence {__version__}\n[]\n"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ringfence.cli.main import main; main(['--help']);"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_is_left_is_not_looked_through_at_the_end() -> None:
    code = (
        "import atexit, gc, sys; atexit.register(lambda: print(gc.get_freeze_count() > 10_000));"
        "sys.argv = ['ringfence', '--version'];"
        "from ringfence.__main__ import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"ringfence {__version__}\nTrue\n"


# Wrong words


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (
            ["migarte"],
            ["error: no command migarte", "hint: did you mean ringfence migrate?"],
        ),
        (
            ["xyzzy", "--help"],
            ["error: no command xyzzy", "hint: ringfence --help lists them"],
        ),
        (
            ["migrate", "--format", "yaml"],
            [
                "error: Invalid value for '--format': 'yaml' is not one of 'text', 'json'",
                "hint: ringfence migrate --help",
            ],
        ),
        (
            ["history", "-n", "0"],
            [
                "error: Invalid value for '-n' / '--limit': 0 is not in the range x>=1",
                "hint: ringfence history --help",
            ],
        ),
        (
            ["status", "now"],
            [
                "error: Got unexpected extra argument (now)",
                "hint: ringfence status --help",
            ],
        ),
    ],
)
def test_a_wrong_word(argv: list[str], err: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", lines(*err))


def test_a_wrong_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--dry-rum"]) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first.startswith("error: No such option")
    assert "--dry-run" in first
    assert hint == "hint: ringfence migrate --help"


# What goes wrong inside


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(cli, "get_command", lambda *_: command)


def test_a_bug_is_one_line_and_a_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(ZeroDivisionError("oops"), monkeypatch)
    assert main(["status"]) == Bug.status == 70
    assert capsys.readouterr().err == lines(
        "error: this is a bug in ringfence: ZeroDivisionError: oops",
        "hint: run it again with RINGFENCE_TRACEBACK=1 and report what it prints",
    )
    monkeypatch.setenv("RINGFENCE_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["status"])


def test_a_file_that_is_not_there_is_no_bug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(FileNotFoundError(2, "No such file or directory", "/x/y"), monkeypatch)
    assert main(["status"]) == Misuse.status == 2
    assert capsys.readouterr().err == "error: No such file or directory: /x/y\n"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.Abort(), 130, "interrupted\n"),
        (frame.Stopped(15), 143, "told to stop\n"),
    ],
)
def test_an_interrupt_is_a_line_and_a_status(
    error: BaseException,
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(error, monkeypatch)
    assert main(["status"]) == status
    assert capsys.readouterr() == ("", said)


def test_the_streams_are_given_back() -> None:
    before = sys.stdout, sys.stderr
    main(["--version"])
    assert (sys.stdout, sys.stderr) == before


def test_colours_are_for_terminals_that_want_them() -> None:
    error = Misuse("no", hint="yes")
    assert "\x1b[" in frame.rendered(error)
    assert click.unstyle(frame.rendered(error)) == "error: no\nhint: yes"
    assert "\x1b" not in ringfence("nonsense").stderr
    assert "\x1b[31m" in on_a_terminal("nonsense", TERM="xterm", NO_COLOR="")
    assert "\x1b" not in on_a_terminal("nonsense", TERM="xterm", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal("nonsense", TERM="dumb", NO_COLOR="")


def on_a_terminal(*argv: str, **environment: str) -> str:
    """What a command writes to the terminal that is its standard error."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [str(BIN / "ringfence"), *argv],
            stderr=theirs,
            check=False,
            env={**os.environ, **environment},
        )
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_stream_that_lacks_a_letter_gets_an_escape() -> None:
    done = ringfence("año", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stderr.startswith("error: no command a\\xf1o\n")


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_the_shells_own(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"_RINGFENCE_COMPLETE={shell}_complete" in out
    done = ringfence(_RINGFENCE_COMPLETE=f"{shell}_source")
    assert (done.returncode, done.stdout) == (0, out)


def test_bash_understands_its_script(capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out
    asked = (
        f"{script}\nCOMP_WORDS=(ringfence mi); COMP_CWORD=1;"
        f" _ringfence_completion {BIN}/ringfence; echo ${{COMPREPLY[@]}}"
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "migrate\n"


@pytest.mark.parametrize(
    ("words", "number", "expected"),
    [
        ("ringfence sta", 1, {"plain,status"}),
        ("ringfence migrate --dr", 2, {"plain,--dry-run"}),
        ("ringfence migrate --format ", 3, {"plain,text", "plain,json"}),
        ("ringfence completion ", 2, {"plain,bash", "plain,zsh", "plain,fish"}),
    ],
)
def test_completes(words: str, number: int, expected: set[str]) -> None:
    done = ringfence(_RINGFENCE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(number))
    assert done.returncode == 0
    assert set(done.stdout.split()) == expected


def test_who_interrupts_while_modules_load_sees_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    done = subprocess.run(
        [sys.executable, "-m", "ringfence", "status"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
