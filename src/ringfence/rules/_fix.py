"""Files laid out as sqlfluff would, where PostgreSQL's parser says that they still say the same.

Only layout changes: both texts are taken apart by PostgreSQL's own parser and put together again,
and have to come out alike, comments apart, whose words have to be the same in the same order. A file
of a revision is left alone: it may have run, and is frozen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import postgast

from ringfence.errors import Misuse
from ringfence.finding import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ringfence.finding import Finding
    from ringfence.project import Project
    from ringfence.rules import SqlFile


def fixed(
    project: Project | None, files: Sequence[SqlFile], findings: Iterable[Finding]
) -> tuple[list[str], list[Coverage]]:
    """Write what can be laid out anew: the files written, and those left alone with the reason."""
    wanted = {
        f.span.path
        for f in findings
        if f.span is not None and f.code.startswith("style/") and f.fix
    }
    written: list[str] = []
    left: list[Coverage] = []
    for file in files:
        if file.shown not in wanted:
            continue
        if project and file.path.is_relative_to(project.migrations):
            left.append(Coverage("fix", file.shown, skipped="a revision is frozen"))
            continue
        raw = file.path.read_bytes()
        text = _laid_out(file)
        if not same(file.text, text):
            left.append(
                Coverage("fix", file.shown, skipped="laid out anew it would not say the same")
            )
        elif text != file.text:
            if b"\r\n" in raw:
                text = text.replace("\n", "\r\n")
            try:
                file.path.write_bytes(
                    (b"\xef\xbb\xbf" * raw.startswith(b"\xef\xbb\xbf")) + text.encode()
                )
            except OSError as error:
                raise Misuse(f"cannot write {file.shown}: {error.strerror}") from None
            written.append(file.shown)
    return written, left


def _laid_out(file: SqlFile) -> str:
    from ringfence.rules import _sqlfluff

    return _sqlfluff.fixed(
        _sqlfluff.Job(file.text, file.shown, _sqlfluff.settings(file.path.parent, file.top))
    )


def same(one: str, other: str) -> bool:
    """Whether two texts are the same statements to PostgreSQL, with the same comments."""
    try:
        plain = [_plain(text) for text in (one, other)]
    except postgast.PgQueryError:
        return False
    return plain[0] == plain[1]


def _plain(text: str) -> tuple[list[bytes], list[str]]:
    tree = postgast.parse(text)
    raw = text.encode()
    comments = [
        re.sub(r"\s+", " ", raw[token.start : token.end].decode()).strip()
        for token in postgast.scan(text).tokens
        if token.token in (postgast.pg_query_pb2.SQL_COMMENT, postgast.pg_query_pb2.C_COMMENT)
    ]
    statements = []
    for each in tree.stmts:
        _forget_places(each.stmt)
        statements.append(each.stmt.SerializeToString(deterministic=True))
    return statements, comments


def _forget_places(node: object) -> None:
    """Take out of a parse tree where in the text its parts stood."""
    for descriptor, value in node.ListFields():  # type: ignore[attr-defined]
        if descriptor.name in ("location", "stmt_location", "stmt_len", "list_start", "list_end"):
            node.ClearField(descriptor.name)  # type: ignore[attr-defined]
        elif descriptor.message_type is not None:
            for each in value if descriptor.is_repeated else (value,):
                _forget_places(each)
