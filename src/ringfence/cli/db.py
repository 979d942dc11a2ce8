"""`ringfence db`: the project's own server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ringfence.cli import options
from ringfence.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringfence.pg.embedded import Server

    F = TypeVar("F", bound=Callable[..., Any])

SECTION = "Tools"


class Place(NamedTuple):
    """Where the server lives, which major the project asks for, and which database is its own."""

    home: Path
    server_version: int | None
    database: str


def _major() -> Callable[[F], F]:
    return click.option(
        "--server-version",
        type=click.IntRange(10),
        metavar="MAJOR",
        help="A system's PostgreSQL of this major version (15), or one in RINGFENCE_BINARIES.",
    )


@click.group(invoke_without_command=True)
@_major()
@click.pass_context
def command(context: click.Context, server_version: int | None) -> None:
    """The project's own PostgreSQL: start, stop, psql it.

    It lives in .ringfence/ (or RINGFENCE_HOME), needs no installation and no root, and takes
    connections through a socket that only you can reach. It is for development: it may lose its
    data in a power cut.

    \b
    Examples:
      ringfence db psql                     look around
      psql "$(ringfence db url)"            the same, with a psql of your own
      ringfence db --server-version 15      start another major version

    --server-version goes with any of the commands below, and alone it starts that server.
    """
    context.meta[_MAJOR] = server_version
    if context.invoked_subcommand is None:
        if server_version is None:
            raise click.exceptions.NoArgsIsHelpError(context)
        context.invoke(start)


_MAJOR = f"{__name__}.server_version"


@command.command()
@_major()
@click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    metavar="PORT",
    help="Listen on 127.0.0.1 too, with a password.",
)
@click.pass_context
def start(context: click.Context, server_version: int | None, port: int | None) -> None:
    """Start the server, with the project's database in it.

    Prints the database's URL. A server that runs already is left alone. Without --server-version
    the major that this project used last is started, or the newest that comes with ringfence.
    """
    place = _place(context.obj)
    server = _server(place, server_version, port)
    click.echo(server.dsn(place.database))


@command.command()
@click.option("--immediate", is_flag=True, help="Do not wait for sessions or for a checkpoint.")
@click.pass_context
def stop(context: click.Context, immediate: bool) -> None:
    """Stop the server; its data stay."""
    from ringfence.pg import embedded

    stopped = embedded.stop(_place(context.obj).home, immediate=immediate)
    click.echo("stopped" if stopped else "the server was not running", err=True)


@command.command()
@options.format_("text", "json")
@click.pass_context
def status(context: click.Context, format_: str) -> None:
    """Whether the server runs, and where. Exit status 1 means that it does not."""
    from ringfence.pg import embedded

    place = _place(context.obj)
    servers = embedded.servers(place.home)
    if format_ == "json":
        import json

        rows = [_facts(server, place.database) for server in servers]
        answer = {"running": bool(rows), "home": str(place.home), "servers": rows}
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    elif not servers:
        click.echo("not running")
    for server in servers if format_ == "text" else ():
        for name, value in _facts(server, place.database).items():
            if value != "":
                click.echo(f"{name:<8}  {value}")
    context.exit(0 if servers else 1)


@command.command()
@click.argument("dbname", required=False)
@click.option("--tcp", is_flag=True, help="Through TCP; the password stays in the file it names.")
@click.pass_context
def url(context: click.Context, dbname: str | None, tcp: bool) -> None:
    """Print the URL of the project's database, or of DBNAME.

    Starts the server where it does not run.
    """
    if dbname is not None and (not dbname or "://" in dbname):
        raise Misuse("DBNAME is empty" if not dbname else "a URL is no name of a database")
    place = _place(context.obj)
    server = _server(place, create=dbname is None)
    name = place.database if dbname is None else dbname
    click.echo(server.tcp_dsn(name) if tcp else server.dsn(name))


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql(context: click.Context, args: tuple[str, ...]) -> None:
    """Run psql on the project's database, with ARGS as psql takes them.

    \b
    Examples:
      ringfence db psql
      ringfence db psql -c 'SELECT 1'
      ringfence db psql -- --help
    """
    from ringfence.pg.binaries import find_psql

    place = _place(context.obj)
    server = _server(place)
    program = find_psql(server.bin)
    if program is None:
        raise Misuse(
            "there is no psql on this machine",
            hint="install PostgreSQL's client programs; ringfence db url prints what to give them",
        )
    # Defaults, not arguments: a database or a user among ARGS is then psql's to understand.
    spoken = {name: value for name, value in os.environ.items() if name not in _CONTRADICTING}
    spoken |= {
        "PGHOST": str(server.socket),
        "PGPORT": str(server.port),
        "PGUSER": "postgres",
        "PGDATABASE": place.database,
    }
    os.execve(program, [str(program), *args], spoken)  # noqa: S606


_CONTRADICTING = {
    "PGCHANNELBINDING",
    "PGGSSENCMODE",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPASSWORD",
    "PGREQUIREAUTH",
    "PGSERVICE",
    "PGSSLMODE",
    "PGTARGETSESSIONATTRS",
}


@command.command("mark-disposable")
@options.dsn
@click.option("--undo", is_flag=True, help="Take the mark away.")
@click.pass_obj
def mark_disposable(start: Path | None, dsn: str | None, undo: bool) -> None:
    """Say that a database may be filled with invented rows.

    `ringfence seed` writes to no other, but for the project's own server. The mark stands in the
    database's comment, whose other text stays; only the database's owner may set it.

    \b
    Examples:
      ringfence db mark-disposable --dsn postgresql://localhost/dev
      ringfence db mark-disposable --undo
    """
    from ringfence import project
    from ringfence.pg.connect import connect, resolve, translated
    from ringfence.seed import mark

    target = resolve(project.find(start), dsn)
    with connect(target) as connection, translated(connection):
        changed = mark.mark_disposable(connection, yes=not undo)
    state = "not marked disposable" if undo else "marked disposable"
    click.echo(f"{target.shown} is {state}" + ("" if changed else ", as before"), err=True)


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def destroy(context: click.Context, yes: bool) -> None:
    """Stop the server and delete its data, every database in it."""
    import sys

    from ringfence.pg import embedded

    place = _place(context.obj)
    if not yes:
        if not sys.stdin.isatty():
            raise Misuse(
                f"this deletes every database in {place.home}, and nobody is here to confirm it",
                hint="ringfence db destroy --yes",
            )
        if not click.confirm(f"Delete every database in {place.home}?", err=True):
            click.echo("nothing was deleted", err=True)
            context.exit(1)
    gone = embedded.destroy(place.home)
    click.echo("deleted" if gone else "there was nothing to delete", err=True)


@command.command()
@click.option("-n", "--lines", type=click.IntRange(0), default=50, show_default=True, metavar="N")
@click.pass_context
def logs(context: click.Context, lines: int) -> None:
    """Print the end of what the server wrote to its log."""
    place = _place(context.obj)
    files = sorted(place.home.glob("server-*.log"), key=lambda path: path.stat().st_mtime_ns)
    if not files:
        raise Misuse(f"there is no log in {place.home}", hint="ringfence db start")
    click.echo(f"the end of {files[-1]}", err=True)
    text = files[-1].read_text(encoding="utf-8", errors="replace").splitlines()
    for line in text[len(text) - min(lines, len(text)) :]:
        click.echo(line)


def _place(start: Path | None) -> Place:
    from ringfence import project
    from ringfence.pg import embedded

    found = project.server_of(start)
    wanted: int | None = click.get_current_context().meta.get(_MAJOR)
    if found is None:
        if not os.environ.get("RINGFENCE_HOME"):
            project.need(start)
        return Place(embedded.home_for(Path.cwd()), wanted, project.DATABASE)
    root, server_version, database = found
    return Place(embedded.home_for(root), wanted or server_version or None, database)


def _server(
    place: Place,
    server_version: int | None = None,
    port: int | None = None,
    *,
    create: bool = True,
) -> Server:
    """The running server, with the project's database in it; says so when it had to be started."""
    from ringfence.pg import embedded

    wanted = server_version or place.server_version
    server = embedded.running(place.home, server_version=wanted)
    if server is None:
        server = embedded.start(place.home, server_version=wanted, port=port)
        click.echo(f"started PostgreSQL {server.version}", err=True)
    elif port is not None:
        server = embedded.start(place.home, server_version=wanted, port=port)
    if create:
        embedded.ensure_database(server, place.database)
    return server


def _facts(server: Server, database: str) -> dict[str, str | int]:
    return {
        "version": server.version,
        "pid": server.pid,
        "url": server.dsn(database),
        "tcp": f"127.0.0.1:{server.port}" if server.tcp else "",
        "data": str(server.data),
        "log": str(server.log),
        "programs": str(server.bin),
    }
