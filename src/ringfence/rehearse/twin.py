"""A second database that goes the same way a file behind: there safe forms are found, and ways back tried.

Copying a database costs more than running a file. So there is one copy, which is brought forward by
running each file on it too; where that comes to grief, a new one is made of the first database.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

import psycopg

from ringfence.change import diff
from ringfence.finding import Basis, Finding, Severity
from ringfence.model import Ref
from ringfence.pg.connect import connect, server_error
from ringfence.pg.extract import extract
from ringfence.rehearse import afar, mend
from ringfence.rehearse.few import few
from ringfence.rehearse.safe import safe_forms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from ringfence.change import Change
    from ringfence.errors import Error
    from ringfence.model import Catalog
    from ringfence.pg.connect import Target
    from ringfence.rehearse.files import File
    from ringfence.rehearse.safe import Forms
    from ringfence.script import Block, Script


class Twin:
    """A copy of a database, made when it is asked for. `copy` makes one; use it as a context manager.

    `again` makes one of the copy. With `roles` it has a server of its own, and what a file does to that is looked at too.
    """

    def __init__(
        self,
        copy: Callable[[], AbstractContextManager[Target]],
        hidden: Sequence[str],
        *,
        again: Callable[[Target], AbstractContextManager[Target]] | None = None,
        roles: bool = False,
    ) -> None:
        self._copy, self._again, self._hidden, self._roles = copy, again, tuple(hidden), roles
        self._stack = ExitStack()
        self._target: Target | None = None
        self._stood: Catalog | None = None
        self._run: Literal["", "whole", "partly"] = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def stand(self) -> None:
        """Stand where the first database stands now, before a file is run on it."""
        if self._target is None:
            self._target = self._made()
        if self._stood is None:
            with connect(self._target) as connection:
                self._stood = self._catalog(connection)
        self._run = ""

    def _made(self) -> Target:
        """A copy, with fewer rows where there are many."""
        target = self._stack.enter_context(self._copy())
        with connect(target) as connection:
            few(connection, self._hidden)
        return target

    def leave(self) -> None:
        """Go away: the next time, a new copy is made."""
        self._stack.close()
        self._target = self._stood = None

    def empty(self) -> None:
        """Take all rows out: what is to run refuses them."""
        assert self._target is not None
        if not self._run:
            with connect(self._target) as connection:
                mend.empty(connection, self._hidden)

    @contextmanager
    def copied(self) -> Iterator[Target]:
        """A copy of it, before the file has run on it."""
        assert self._target is not None
        assert self._again is not None
        assert not self._run
        with self._again(self._target) as made:
            yield made

    def safe_forms(self, text: Script, found: Mapping[int, Sequence[Finding]]) -> Forms:
        """The safe forms of a file's statements; the file has been run then."""
        assert self._target is not None
        forms = safe_forms(self._target, text, found, self._hidden, self._again)
        self._run = "whole" if forms.whole else "partly"
        return forms

    def there_and_back(self, file: File) -> list[Finding]:
        """Run a file, undo it and run it again: nothing may be left, nothing missing.

        Without a way back it is only run. What the first database has come to is where this ends.
        """
        assert self._target is not None
        assert self._stood is not None
        stood = self._stood
        with connect(self._target) as connection:
            ran = plainly(connection, file.up) is None if not self._run else self._run == "whole"
        if not ran:
            # It ran on the first one: with other rows, say, or it makes roles, which both have. What
            # that has come to is copied.
            self.leave()
            self._target = self._made()
        with connect(self._target) as connection:
            there = self._catalog(connection)
            found = list(self._back(connection, file, stood, there))
        if any(each.severity is Severity.ERROR for each in found):
            self.leave()
        else:
            self._stood = there
        return found

    def _back(
        self,
        connection: Connection[tuple[object, ...]],
        file: File,
        stood: Catalog,
        there: Catalog,
    ) -> Iterator[Finding]:
        if file.down is None:
            if file.revision is not None and file.revision.sql:
                yield _no_way_back(file)
            return
        if (error := plainly(connection, file.down)) is not None:
            yield _stuck(f"{file.name} cannot be undone: {error.message}", file, error)
            return
        traces = list(_traces(f"{file.name} undone", diff(stood, self._catalog(connection))))
        yield from (_placed(f, file.down, file) for f in traces)
        if traces:
            return
        if (error := plainly(connection, file.up)) is not None:
            yield _stuck(
                f"{file.name} cannot be done again after it was undone: {error.message}",
                file,
                error,
                "what its down file leaves is in the way",
            )
            return
        again = self._catalog(connection)
        for found in _traces(f"{file.name} undone and done again", diff(there, again)):
            why = "look what the down file leaves, and what the up file does only where it is not there"
            yield _placed(replace(found, help=why), file.up, file)

    def _catalog(self, connection: Connection[tuple[object, ...]]) -> Catalog:
        return extract(connection, exclude=self._hidden, roles=self._roles)


def _no_way_back(file: File) -> Finding:
    ref = Ref("revision", (file.name,))
    return Finding(
        "NOT_REVERSIBLE",
        Severity.INFO,
        f"{file.name} has no down file: nothing undoes it",
        ref,
        help="write one where there is a way back",
        basis=Basis.STATIC,
        key=f"{file.name}:{ref}",
    )


def _stuck(message: str, file: File, error: Error, help_: str = "") -> Finding:
    ref = Ref("revision", (file.name,))
    return Finding(
        "NOT_REVERSIBLE",
        Severity.ERROR,
        message,
        ref,
        error.span,
        help=help_,
        basis=Basis.MEASURED,
        key=f"{file.name}:{ref}",
    )


def _placed(finding: Finding, text: Script, file: File) -> Finding:
    at = next((text.span(statement.start) for statement in text.statements), None)
    return replace(finding, span=at, key=f"{file.name}:{finding.ref}")


def _traces(when: str, changes: Iterable[Change]) -> Iterator[Finding]:
    """What differs where nothing should, but what hangs on such a thing, and comes and goes with it."""
    every = {(change.verb, change.ref): change for change in changes}
    for (verb, _), change in every.items():
        fact = change.new or change.old
        if verb != "alter" and fact is not None and (verb, fact.parent) in every:
            continue
        differs, help_ = {
            "create": ("is left", "let the down file drop it"),
            "drop": ("is missing", "let the down file make it again"),
            "alter": (
                f"is not as it was: {', '.join(change.attributes)}",
                "let the down file set it back",
            ),
        }[change.verb]
        yield Finding(
            "NOT_REVERSIBLE",
            Severity.ERROR,
            f"{when}, {change.ref} {differs}",
            change.ref,
            help=help_,
            basis=Basis.MEASURED,
        )


def plainly(
    connection: Connection[tuple[object, ...]],
    text: Script,
    behind: Callable[[int], None] = lambda _: None,
) -> Error | None:
    """Run a file in the transactions that it wants; `behind` is called with each statement's number."""
    for block in text.blocks:
        mended: dict[int, tuple[str, str]] = {}
        while failed := _attempt(connection, text, block, mended, behind):
            number, error = failed
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            table = mend.refused(error)
            if table is None or number in mended or not block.together:
                return server_error(error, script=text, statement=text.statements[number - 1])
            mended[number] = table
    connection.execute("RESET ALL")
    return None


def _attempt(
    connection: Connection[tuple[object, ...]],
    text: Script,
    block: Block,
    mended: Mapping[int, tuple[str, str]],
    behind: Callable[[int], None],
) -> tuple[int, psycopg.Error] | None:
    """Run a transaction once, after these tables' made-up rows were changed before these statements."""
    number = 0
    try:
        if block.together:
            connection.execute("BEGIN")
        for number in block.numbers:
            statement = text.statements[number - 1]
            if number in mended:
                mend.mend(connection, statement, mended[number])
            if statement.data is None:
                connection.execute(statement.text)
            else:
                with connection.cursor().copy(statement.text) as copy:
                    copy.write(statement.data)
            afar.keep_cut_off(connection, statement)
            behind(number)
        if block.together:
            connection.execute("COMMIT" if block.kept else "ROLLBACK")
    except psycopg.Error as error:
        return number, error
    return None
