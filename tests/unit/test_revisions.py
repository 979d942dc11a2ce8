"""The revisions of a project, read from their files: the graph, and everything wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from projects import Project
from ringfence import migrate, project, revisions
from ringfence.errors import BadProject, Misuse, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from ringfence.revisions import Graph


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """A project without a database."""
    return Project(tmp_path / "project")


def graph(made: Project) -> Graph:
    return revisions.read(project.need(made.root))


@pytest.fixture
def diamond(made: Project) -> Graph:
    """1 ← (2a ← 3a), 2b ← 4 (a merge) ← 5."""
    made.revision("1", "SELECT;", after=None)
    made.revision("2a", "SELECT;", after="1", labels=("left",))
    made.revision("2b", "SELECT;", after="1")
    made.revision("3a", "SELECT;", after="2a")
    made.revision("4", "SELECT;", after=("3a", "2b"))
    made.revision("5", "SELECT;")
    return graph(made)


def ids(found: object) -> list[str]:
    assert isinstance(found, tuple)
    return [revision.id for revision in found]


def test_reads_ids_title_and_files(made: Project) -> None:
    up = made.revision("0001", "SELECT 1;", title="tenants, and their users")
    found = graph(made).revisions["0001"]
    assert str(found) == "0001 (tenants, and their users)"
    assert found.sql
    assert (found.down, found.depends_on, found.labels) == ((), (), ())
    assert found.file("up") == up
    assert found.shown_file("verify") == "migrations/versions/0001.verify.sql"
    assert found.script("up").text == "SELECT 1;"


def test_a_revision_in_python_has_no_sql(made: Project) -> None:
    path = made.python("0001", "def upgrade():\n    pass\n")
    found = graph(made).revisions["0001"]
    assert not found.sql
    before = found.checksum
    path.write_text(path.read_text() + "\n# more\n")
    assert graph(made).revisions["0001"].checksum != before


def test_an_annotated_id_is_read(made: Project) -> None:
    made.python("0001", "")
    path = made.versions / "0001.py"
    path.write_text(path.read_text().replace("revision =", "revision: str ="))
    assert list(graph(made).revisions) == ["0001"]


def test_parents_come_first(diamond: Graph) -> None:
    order = list(diamond.revisions)
    for revision in diamond.revisions.values():
        assert all(order.index(parent) < order.index(revision.id) for parent in revision.down)
    assert diamond.heads == ("5",)
    assert diamond.head == "5"


def test_knows_what_lies_below_above_and_between(diamond: Graph) -> None:
    assert set(ids(diamond.applied(["3a"]))) == {"1", "2a", "3a"}
    assert set(ids(diamond.applied(["3a", "2b"]))) == {"1", "2a", "2b", "3a"}
    assert set(ids(diamond.above(diamond.revisions["2a"]))) == {"3a", "4", "5"}
    assert set(ids(diamond.pending(["3a"]))) == {"2b", "4", "5"}
    assert ids(diamond.pending(["5"])) == []
    assert ids(diamond.pending(["2a"], ["3a"])) == ["3a"]
    assert diamond.ends(diamond.applied(["3a", "2b"])) == ("2b", "3a")
    assert diamond.ends(diamond.applied(["4"])) == ("4",)
    assert diamond.ends(()) == ()


def test_depends_on_counts_as_below(made: Project) -> None:
    made.revision("a1", "SELECT;", after=None)
    made.revision("b1", "SELECT;", after=None, depends_on="a1")
    found = graph(made)
    assert found.heads == ("a1", "b1")
    assert ids(found.applied(["b1"])) == ["a1", "b1"]
    assert found.ends(found.applied(["b1"])) == ("b1",)
    assert ids(found.above(found.revisions["a1"])) == ["b1"]


@pytest.mark.parametrize(
    ("current", "to", "direction", "run", "ends"),
    [
        ([], "head", "up", {"1", "2a", "2b", "3a", "4", "5"}, "5"),
        (["5"], "head", "up", set(), "5"),
        (["3a"], "heads", "up", {"2b", "4", "5"}, "5"),
        ([], "+1", "up", {"1"}, "1"),
        (["4"], "+3", "up", {"5"}, "5"),
        (["1"], "left", "up", {"2a"}, "2a"),
        (["2a"], "2b", "up", {"2b"}, "2a, 2b"),
        (["5"], "-1", "down", {"5"}, "4"),
        (["5"], "-2", "down", {"5", "4"}, "2b, 3a"),
        (["3a", "2b"], "2a", "down", {"3a"}, "2a, 2b"),
        (["5"], "1", "down", {"5", "4", "3a", "2a", "2b"}, "1"),
        (["5"], "base", "down", {"5", "4", "3a", "2a", "2b", "1"}, "base"),
        (["3a", "2b"], "3a", "down", set(), "2b, 3a"),
        ([], "base", "down", set(), "base"),
    ],
)
def test_finds_the_way(
    diamond: Graph, current: list[str], to: str, direction: str, run: set[str], ends: str
) -> None:
    found = migrate.way(diamond, current, to)
    if found.revisions:
        assert found.direction == direction
    assert set(ids(found.revisions)) == run
    assert found.to == ends


@pytest.mark.parametrize(
    ("current", "to", "message", "hint"),
    [
        (["2a"], "-3", "--to -3: 2 revisions are applied", "--to base undoes all"),
        (["1"], "-2", "--to -2: 1 revision is applied", "--to base undoes all"),
        (
            ["2a", "2b"],
            "-1",
            "--to -1: either of 2a and 2b may be the last",
            "name the revision to go back to",
        ),
        ([], "2", "revision 2 may be any of 2a, 2b", "write more of it"),
        ([], "lfet", "no revision lfet in migrations/versions", "did you mean left?"),
        ([], "zz", "no revision zz in migrations/versions", "ringfence status lists them"),
        ([], "", "no revision '' in migrations/versions", "ringfence status lists them"),
        ([], "-x", "no revision -x in migrations/versions", "ringfence status lists them"),
    ],
)
def test_refuses_a_way_that_is_not_clear(
    diamond: Graph, current: list[str], to: str, message: str, hint: str
) -> None:
    with pytest.raises(Misuse) as caught:
        migrate.way(diamond, current, to)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_two_heads_are_refused_by_name(made: Project) -> None:
    made.revision("1", "SELECT;", after=None)
    made.revision("2a", "SELECT;", after="1", title="left")
    made.revision("2b", "SELECT;", after="1", title="right")
    with pytest.raises(BadProject) as caught:
        migrate.way(graph(made), [], "head")
    assert caught.value.message == "migrations/versions has 2 heads: 2a (left) and 2b (right)"
    assert migrate.way(graph(made), [], "heads").to == "2a, 2b"


def test_refuses_a_revision_that_no_file_has(diamond: Graph) -> None:
    with pytest.raises(Refused, match="stands at revision 9, which is not in migrations/versions"):
        diamond.refuse_unknown(["4", "9"])
    diamond.refuse_unknown(["4"])


# What is wrong with the files. Messages are whole.


def refused(made: Project) -> tuple[str, str | None, str]:
    with pytest.raises(BadProject) as caught:
        graph(made)
    span = caught.value.span
    return caught.value.message, str(span) if span else None, caught.value.hint


V = "migrations/versions"


def test_no_folder(made: Project) -> None:
    made.versions.rmdir()
    assert refused(made) == (
        f"no migrations here: {V} does not exist",
        None,
        "set [tool.ringfence] migrations, or make the folder",
    )


def test_one_id_twice(made: Project) -> None:
    made.revision("1", "SELECT;")
    made.revision("2", "SELECT;")
    path = made.versions / "2.py"
    path.write_text(path.read_text().replace("revision = '2'", "revision = '1'"))
    assert refused(made) == (
        f"revision 1 is defined twice: {V}/1.py and {V}/2.py",
        None,
        "give one of them another id: ringfence rebase does it for the one that is applied nowhere",
    )


def test_a_parent_that_is_not_there(made: Project) -> None:
    made.revision("2", "SELECT;", after="1")
    assert refused(made) == (
        "revision 2 follows 1, which does not exist",
        f"{V}/2.py:1",
        "restore the file of 1, or correct down_revision",
    )


def test_a_circle(made: Project) -> None:
    made.revision("1", "SELECT;", after="2")
    made.revision("2", "SELECT;", after="1")
    message, _, hint = refused(made)
    assert message in (
        "the revisions follow each other in a circle: 1 → 2 → 1",
        "the revisions follow each other in a circle: 2 → 1 → 2",
    )
    assert hint == "one of them must follow another, or nothing: correct its down_revision"


def test_python_that_is_none(made: Project) -> None:
    (made.versions / "1.py").write_text('revision = "1"\ndown_revision = = None\n')
    message, place, _ = refused(made)
    assert message == f"{V}/1.py is not valid Python: invalid syntax"
    assert place == f"{V}/1.py:2:17"


def test_an_id_that_is_computed(made: Project) -> None:
    (made.versions / "1.py").write_text('number = 1\nrevision = f"{number}"\n')
    assert refused(made) == (
        f"revision in {V}/1.py is not a plain value",
        f"{V}/1.py:2:12",
        "write the ids out",
    )


def test_no_id(made: Project) -> None:
    (made.versions / "helper.py").write_text("revison = '1'\n")
    assert refused(made) == (
        f"{V}/helper.py has no revision id",
        f"{V}/helper.py:1",
        'write one: revision = "0001"; or move the file out of the folder',
    )


@pytest.mark.parametrize("wrong", ["a'b", "x" * 33, "a-b", ""])
def test_an_id_that_the_version_table_cannot_hold(made: Project, wrong: str) -> None:
    made.revision("1", "SELECT;")
    path = made.versions / "1.py"
    path.write_text(path.read_text().replace("revision = '1'", f"revision = {wrong!r}", 1))
    assert refused(made) == (
        f"revision id {wrong!r} in {V}/1.py cannot be used",
        f"{V}/1.py:1",
        "it may hold letters, digits, _ and ., and be 32 characters long",
    )


def test_python_that_is_not_text(made: Project) -> None:
    (made.versions / "1.py").write_bytes(b"revision = '\xf1'\n")
    message, _, _ = refused(made)
    assert message.startswith(f"{V}/1.py is not text: ")


def test_sql_that_belongs_to_no_revision(made: Project) -> None:
    (made.versions / "0001_x.up.sql").write_text("")
    assert refused(made) == (
        f"{V}/0001_x.up.sql belongs to no revision: there is no 0001_x.py beside it",
        None,
        "write one with the revision's ids, or remove the file",
    )
    (made.versions / "0001_x.up.sql").rename(made.versions / "notes.sql")
    assert not graph(made).revisions


def test_no_sql_beside_a_revision(made: Project) -> None:
    made.revision("1", "SELECT;").unlink()
    (made.versions / "1.down.sql").unlink()
    found = graph(made).revisions["1"]
    with pytest.raises(BadProject) as caught:
        found.script("up")
    assert caught.value.message == f"revision 1 has no SQL: {V}/1.up.sql does not exist"
    assert caught.value.hint == (
        f"write it, or restore it: git checkout -- {V}/1.up.sql; where it is applied:"
        " ringfence repair 1 --restore"
    )
    with pytest.raises(BadProject) as caught:
        found.script("down")
    assert caught.value.message == f"revision 1 cannot be undone: {V}/1.down.sql does not exist"
    assert caught.value.hint == "write it, or go forward with a new revision"
