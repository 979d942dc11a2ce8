"""What the pages say: an overview with whose rows they are, and for each schema what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.document.blocks import Block, Code, Heading, Table, Text, code
from ringfence.document.diagram import diagram
from ringfence.finding import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.model import Fact, Ref
    from ringfence.rules._schema import Foreign, Schema
    from ringfence.rules._schema import Table as SchemaTable

_LETTERS = {
    "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES",
    "t": "TRIGGER", "X": "EXECUTE", "U": "USAGE", "C": "CREATE", "m": "MAINTAIN",
}  # fmt: skip
_COUNTED = (
    ("table", "table"), ("view", "view"), ("materialized_view", "materialized view"),
    ("routine", "function"), ("enum", "enum"), ("domain", "domain"), ("sequence", "sequence"),
)  # fmt: skip


def overview(schema: Schema) -> list[Block]:
    """The schemas, and the tenant matrix: to whom each table's rows belong and what binds whom."""
    blocks: list[Block] = [Heading(1, "Schema")]
    rows = []
    for name in names(schema):
        counts = [
            counted(n, word)
            for kind, word in _COUNTED
            if (n := sum(r.kind == kind and r.name[0] == name for r in schema.catalog.facts))
        ]
        comment = _comment(schema, _schema_ref(name))
        rows.append((code(name), ", ".join(counts), comment))
    blocks.append(Table(("schema", "what is in it", "comment"), tuple(rows)))
    blocks += _tenants(schema)
    return blocks


def names(schema: Schema) -> list[str]:
    """The schemas that hold something, sorted."""
    kinds = {kind for kind, _ in _COUNTED}
    return sorted({ref.name[0] for ref in schema.catalog.facts if ref.kind in kinds})


def _schema_ref(name: str) -> Ref:
    from ringfence.model import Ref

    return Ref("schema", (name,))


def _tenants(schema: Schema) -> Iterator[Block]:
    yield Heading(2, "Tenants", "tenants")
    if schema.root is None:
        yield Text("There are no tenants: no policy and no configuration says who they are.")
        return
    yield Text(f"A tenant is a row of {schema.root.path}.")
    roles = [r for r in schema.roles if any(r in schema.grants(t) for t in schema.tables)]
    rows = []
    for ref, table in sorted(schema.tables.items()):
        whose = "everybody's" if ref in schema.shared else _path(schema, ref)
        guarded = "forced" if table.row_security and table.forced else "on" * table.row_security
        policies = ", ".join(sorted(p.ref.name[-1] for p in table.policies))
        grants = schema.grants(ref)
        may = [code(_letters(grants[r])) if r in grants else "" for r in roles]
        rows.append((code(ref.path), whose, guarded or "off", policies, *may))
    head = ("table", "whose rows", "row security", "policies", *roles)
    yield Table(head, tuple(rows))


def _path(schema: Schema, ref: Ref) -> str:
    """How a table's rows lead to their tenant."""
    if ref == schema.root:
        return "the tenants"
    steps: list[str] = []
    at = ref
    while at in schema.scoped and at != schema.root and len(steps) < len(schema.tables):
        key = schema.scoped[at]
        if key is None:
            break
        steps.append(f"{', '.join(key.columns)} → {key.target.path}")
        at = key.target
    return "; ".join(steps) or "nobody's"


def _letters(letters: str) -> str:
    return ", ".join(_LETTERS.get(c, c) for c in letters if c != "*")


def _comment(schema: Schema, ref: Ref) -> str:
    return next((f.text("text") for f in schema.catalog.below(ref, "comment")), "")


# One schema ---------------------------------------------------------------------------------------


def schema_pages(schema: Schema) -> Iterator[tuple[str, list[Block]]]:
    """Each schema's name and page."""
    referring: dict[Ref, list[Foreign]] = {}
    for table in schema.tables.values():
        for key in table.foreign:
            referring.setdefault(key.target, []).append(key)
    for name in names(schema):
        yield name, list(_page(schema, name, referring))


def _page(schema: Schema, name: str, referring: dict[Ref, list[Foreign]]) -> Iterator[Block]:
    yield Heading(1, f"Schema {name}", f"schema-{name}")
    if comment := _comment(schema, _schema_ref(name)):
        yield Text(comment)
    if drawn := diagram(schema, name):
        yield Code("mermaid", drawn)
    for ref, table in sorted(schema.tables.items()):
        if ref.name[0] == name:
            yield from _table(schema, table, referring.get(ref, []))
    yield from _others(schema, name)


def _table(schema: Schema, table: SchemaTable, referring: list[Foreign]) -> Iterator[Block]:
    ref = table.ref
    yield Heading(2, ref.path, ref.path)
    if comment := _comment(schema, ref):
        yield Text(comment)
    rows: list[tuple[str, ...]] = []
    for name, fact in table.columns.items():
        rows.append(
            (
                code(name),
                code(fact.text("type")),
                "" if fact["not_null"] else "may be NULL",
                code(_default(table, name, fact)),
                _comment(schema, fact.ref),
            )
        )
    yield Table(("column", "type", "", "default", "comment"), tuple(rows))
    below = schema.catalog.children.get(ref, ())
    yield from _defined("Constraints", below, "constraint")
    yield from _defined("Indexes", below, "index")
    if referring:
        rows = [
            (code(k.table.path), code(", ".join(k.columns)), k.on_delete)
            for k in sorted(referring, key=lambda k: k.ref)
        ]
        yield Heading(3, "Referred to by")
        yield Table(("table", "columns", "on delete"), tuple(rows))
    if table.policies:
        rows = [
            (
                code(p.ref.name[-1]),
                p.command + " (restrictive)" * p.restrictive,
                ", ".join(p.roles),
                code(schema.catalog.facts[p.ref].text("using_expression")),
                code(schema.catalog.facts[p.ref].text("check_expression")),
            )
            for p in sorted(table.policies, key=lambda p: p.ref)
        ]
        yield Heading(3, "Policies")
        yield Table(("policy", "for", "to", "using", "check"), tuple(rows))
    yield from _defined("Triggers", below, "trigger")


def _default(table: SchemaTable, name: str, fact: Fact) -> str:
    if fact["identity"]:
        how = "ALWAYS" if fact["identity"] == "a" else "BY DEFAULT"
        return f"GENERATED {how} AS IDENTITY"
    if fact["generated"]:
        kind = "STORED" if fact["generated"] == "s" else "VIRTUAL"
        return f"GENERATED ALWAYS AS {fact.text('expression')} {kind}"
    return table.defaults.get(name, "")


def _defined(title: str, below: Iterable[Fact], kind: str) -> Iterator[Block]:
    rows = [
        (code(f.ref.name[-1]), code(f.text("definition")))
        for f in sorted(below, key=lambda f: f.ref)
        if f.ref.kind == kind
    ]
    if rows:
        yield Heading(3, title)
        yield Table((kind, "definition"), tuple(rows))


def _others(schema: Schema, name: str) -> Iterator[Block]:
    facts = [f for ref, f in sorted(schema.catalog.facts.items()) if ref.name[0] == name]
    for kind in ("view", "materialized_view"):
        for fact in facts:
            if fact.ref.kind == kind:
                yield Heading(2, f"{kind.replace('_', ' ')} {fact.ref.path}", fact.ref.path)
                if comment := _comment(schema, fact.ref):
                    yield Text(comment)
                yield Code("sql", fact.text("definition").strip())
    rows = [
        (
            code(f.ref.path),
            code(f.text("result")),
            "owner" if "SECURITY DEFINER" in f.text("definition").split("\nAS ")[0] else "caller",
            _comment(schema, f.ref),
        )
        for f in facts
        if f.ref.kind == "routine"
    ]
    if rows:
        yield Heading(2, f"Functions of {name}", f"functions-{name}")
        yield Table(("function", "gives", "runs as", "comment"), tuple(rows))
    types = [
        (code(f.ref.path), f.ref.kind, code(_type(f)), _comment(schema, f.ref))
        for f in facts
        if f.ref.kind in ("enum", "domain", "composite_type", "range_type")
    ]
    if types:
        yield Heading(2, f"Types of {name}", f"types-{name}")
        yield Table(("type", "kind", "of", "comment"), tuple(types))


def _type(fact: Fact) -> str:
    if fact.ref.kind == "enum":
        return ", ".join(fact.list("labels"))
    return fact.text("type") or fact.text("base_type") or fact.text("subtype")
