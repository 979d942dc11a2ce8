"""Row-level security is on where the revisions say so.

A policy binds nobody on a table whose row security is off, and one ALTER TABLE by hand turns it off.
What the applied revisions say is read from their text, in order: ENABLE, DISABLE, FORCE and NO FORCE
ROW LEVEL SECURITY, and DROP TABLE. Statements that a DO block builds are not seen; a table that has
policies and no row security is reported all the same, whoever made it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ringfence.claims import claim
from ringfence.model import Ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ringfence.claims import Case, Verdict


@claim("row-security", "row-level security is on where the revisions say so", "table")
def row_security(case: Case, verdict: Verdict) -> None:
    """Compare what the revisions' text says with what the catalog says."""
    query = (files(__package__) / "row_security.sql").read_text(encoding="utf-8")
    live = {
        (str(schema), str(table)): (bool(on), bool(force), int(str(policies)))
        for schema, table, on, force, policies in case.connection.execute(query)
    }
    if case.standing.unknown:
        verdict.skipped = f"revision {', '.join(case.standing.unknown)} is not among the files"
        return
    said = _said(case, live)
    for name, (enabled, forced) in sorted(said.items()):
        ref = Ref("table", name)
        on, force, _ = live.get(name, (None, None, 0))
        if on is None:
            continue  # dropped or renamed since, in words the text does not show
        verdict.checked += 1
        if enabled is not None and on != enabled:
            verdict.no(
                f"row-level security of {ref.path} is {_state(on)}; the revisions turn it {_state(enabled)}",
                ref=ref,
                help="whoever may read the table reads every tenant's rows" if enabled else "",
                fix=f"ALTER TABLE {ref.path} {'ENABLE' if enabled else 'DISABLE'} ROW LEVEL SECURITY;",
            )
        if forced is not None and force != forced:
            verdict.no(
                f"row-level security of {ref.path} is {'' if force else 'not '}forced on its owner;"
                f" the revisions say {'FORCE' if forced else 'NO FORCE'}",
                ref=ref,
                fix=f"ALTER TABLE {ref.path} {'FORCE' if forced else 'NO FORCE'} ROW LEVEL SECURITY;",
            )
    for name, (on, _force, policies) in sorted(live.items()):
        if policies and not on and said.get(name, (None, None))[0] is None:
            ref = Ref("table", name)
            verdict.checked += 1
            verdict.no(
                f"{ref.path} has {policies} {'policy' if policies == 1 else 'policies'} and"
                " row-level security is off: they bind nobody",
                ref=ref,
                fix=f"ALTER TABLE {ref.path} ENABLE ROW LEVEL SECURITY;",
            )


def _state(on: bool) -> str:
    return "on" if on else "off"


_Name = tuple[str, str]
_Said = dict[_Name, tuple[bool | None, bool | None]]


def _said(case: Case, live: Mapping[_Name, object]) -> _Said:
    """Table → (enabled, forced) as the applied revisions leave them; None where they say nothing."""
    import postgast

    kinds = postgast.pg_query_pb2
    subtypes: Mapping[int, tuple[int, bool]] = {
        kinds.AT_EnableRowSecurity: (0, True),
        kinds.AT_DisableRowSecurity: (0, False),
        kinds.AT_ForceRowSecurity: (1, True),
        kinds.AT_NoForceRowSecurity: (1, False),
    }
    found: _Said = {}
    for revision in case.standing.applied:
        if not revision.sql:
            continue
        for statement in revision.script("up").statements:
            if statement.words[:1] not in {("ALTER",), ("DROP",)}:
                continue
            try:
                node = postgast.parse(statement.text).stmts[0].stmt
            except postgast.PgQueryError:
                continue  # newer syntax than the parser's; row security is older than all of them
            if node.HasField("alter_table_stmt"):
                name = _name(node.alter_table_stmt.relation, found, live)
                for command in node.alter_table_stmt.cmds:
                    change = subtypes.get(command.alter_table_cmd.subtype)
                    if change is not None:
                        state = list(found.get(name, (None, None)))
                        state[change[0]] = change[1]
                        found[name] = (state[0], state[1])
            elif (
                node.HasField("rename_stmt") and node.rename_stmt.rename_type == kinds.OBJECT_TABLE
            ):
                name = _name(node.rename_stmt.relation, found, live)
                if name in found:
                    found[name[0], node.rename_stmt.newname] = found.pop(name)
            elif node.HasField("alter_object_schema_stmt"):
                name = _name(node.alter_object_schema_stmt.relation, found, live)
                if name in found:
                    found[node.alter_object_schema_stmt.newschema, name[1]] = found.pop(name)
            elif node.HasField("drop_stmt") and node.drop_stmt.remove_type == kinds.OBJECT_TABLE:
                for item in node.drop_stmt.objects:
                    parts = [part.string.sval for part in item.list.items]
                    schema = parts[-2] if len(parts) > 1 else ""
                    found.pop(_resolved(schema, parts[-1], found, live), None)
    return found


def _name(relation: Any, *known: Mapping[_Name, object]) -> _Name:
    return _resolved(relation.schemaname, relation.relname, *known)


def _resolved(schema: str, table: str, *known: Mapping[_Name, object]) -> _Name:
    """A name without its schema is taken for the one known table of that name, or for public's."""
    if schema:
        return schema, table
    for tables in known:
        schemas = [s for s, t in tables if t == table]
        if len(schemas) == 1:
            return schemas[0], table
    return "public", table
