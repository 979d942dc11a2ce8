"""SQL text from names and values, quoted unless it is said to be SQL already."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")

# PostgreSQL 18's keywords that cannot stand as a bare name everywhere: all but the unreserved ones
# (src/include/parser/kwlist.h). Quoting one too many does no harm.
_RESERVED = frozenset(
    [
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "authorization",
        "between",
        "bigint",
        "binary",
        "bit",
        "boolean",
        "both",
        "case",
        "cast",
        "char",
        "character",
        "check",
        "coalesce",
        "collate",
        "collation",
        "column",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "dec",
        "decimal",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "exists",
        "extract",
        "false",
        "fetch",
        "float",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "grant",
        "greatest",
        "group",
        "grouping",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "inout",
        "int",
        "integer",
        "intersect",
        "interval",
        "into",
        "is",
        "isnull",
        "join",
        "json",
        "json_array",
        "json_arrayagg",
        "json_exists",
        "json_object",
        "json_objectagg",
        "json_query",
        "json_scalar",
        "json_serialize",
        "json_table",
        "json_value",
        "lateral",
        "leading",
        "least",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "merge_action",
        "national",
        "natural",
        "nchar",
        "none",
        "normalize",
        "not",
        "notnull",
        "null",
        "nullif",
        "numeric",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "out",
        "outer",
        "overlaps",
        "overlay",
        "placing",
        "position",
        "precision",
        "primary",
        "real",
        "references",
        "returning",
        "right",
        "row",
        "select",
        "session_user",
        "setof",
        "similar",
        "smallint",
        "some",
        "substring",
        "symmetric",
        "system_user",
        "table",
        "tablesample",
        "then",
        "time",
        "timestamp",
        "to",
        "trailing",
        "treat",
        "trim",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "values",
        "varchar",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
        "xmlattributes",
        "xmlconcat",
        "xmlelement",
        "xmlexists",
        "xmlforest",
        "xmlnamespaces",
        "xmlparse",
        "xmlpi",
        "xmlroot",
        "xmlserialize",
        "xmltable",
    ]
)


class Raw(str):
    """Text that is SQL already: an expression that the server deparsed, a keyword of ours."""

    __slots__ = ()


def ident(name: str) -> str:
    """One name, in double quotes where it needs them.

    >>> ident("accounts"), ident("user"), ident('we"ird')
    ('accounts', '"user"', '"we""ird"')
    """
    if _PLAIN.match(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(parts: tuple[str, ...]) -> str:
    """A name with its schema, each part in double quotes where it needs them."""
    return ".".join(map(ident, parts))


def signed(parts: tuple[str, ...]) -> str:
    """A routine's name, whose last part is its arguments in parentheses."""
    return qualified(parts[:-1]) + parts[-1]


def literal(value: str | None) -> str:
    r"""A string constant that means the same whatever standard_conforming_strings says.

    >>> literal("it's"), literal("a\\b"), literal(None)
    ("'it''s'", " E'a\\\\\\\\b'", 'NULL')
    """
    if value is None:
        return "NULL"
    text = value.replace("'", "''")
    return f"'{text}'" if "\\" not in text else " E'" + text.replace("\\", "\\\\") + "'"


def sql(template: str, /, **parts: str | tuple[str, ...]) -> str:
    """Fill a template: a str is quoted as a name, a tuple as a qualified one, `Raw` stays.

    >>> sql("ALTER TABLE {t} RENAME TO {n}", t=("s", "user"), n="x y")
    'ALTER TABLE s."user" RENAME TO "x y"'
    """
    return template.format_map(
        {
            key: part
            if isinstance(part, Raw)
            else ident(part)
            if isinstance(part, str)
            else qualified(part)
            for key, part in parts.items()
        }
    )
