"""Which role can do what with whose rows: role × object × verb, as text and as a page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ringfence.isolation.judge import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ringfence.isolation.judge import Cell

    Line = tuple[str, str, Mapping[str, State]]

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "EXECUTE")
_GRAVEST = (State.LEAK, State.INCONCLUSIVE, State.DENIED_ALL, State.PASS, State.NO_GRANT)
_WORDS = {
    State.LEAK: "everybody's",
    State.INCONCLUSIVE: "?",
    State.DENIED_ALL: "none",
    State.PASS: "own",
    State.NO_GRANT: "–",
}
_MEANS = (
    "own: its own tenant's rows; everybody's: other tenants' too; none: granted, and reaches nothing;"
    " ?: not found out; –: not granted"
)


def lines(cells: Iterable[Cell]) -> list[Line]:
    """A line a role and object, with the gravest state of each verb."""
    found: dict[tuple[str, str], dict[str, State]] = {}
    for cell in cells:
        told = cell.probe.cause in ("explain-tells", "sequence-tells", "disagreement")
        if told or cell.probe.name.startswith(("key ", "ask for ", "point ")):
            continue  # what an error or a name tells reaches no row
        line = found.setdefault((cell.role, cell.ref.path), {})
        old = line.get(cell.probe.verb, State.NO_GRANT)
        line[cell.probe.verb] = min(old, cell.state, key=_GRAVEST.index)
    return [(role, path, verbs) for (role, path), verbs in sorted(found.items())]


def text(cells: Sequence[Cell]) -> str:
    """The matrix in columns."""
    rows: list[tuple[str, ...]] = [("role", "object", *VERBS)]
    rows += [
        (role, path, *(_WORDS[verbs.get(verb, State.NO_GRANT)] for verb in VERBS))
        for role, path, verbs in lines(cells)
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    out = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*out, "", _MEANS]) + "\n"


def html(cells: Sequence[Cell], title: str) -> str:
    """The matrix as a page that needs nothing else."""
    head = "".join(f"<th scope=col>{escape(h)}</th>" for h in ("role", "object", *VERBS))
    body = []
    for role, path, verbs in lines(cells):
        states = [verbs.get(verb, State.NO_GRANT) for verb in VERBS]
        tds = "".join(f'<td class="{s.value}">{escape(_WORDS[s])}</td>' for s in states)
        body.append(f"<tr><td>{escape(role)}</td><th scope=row>{escape(path)}</th>{tds}</tr>")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }}
table {{ border-collapse: collapse }}
th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: left; font-weight: 400 }}
thead th {{ font-weight: 600; position: sticky; top: 0; background: #fff }}
.leak {{ background: #fbd5d5; font-weight: 600 }} .pass {{ background: #dff3e0 }}
.inconclusive {{ background: #fdeec4 }} .denied-all {{ background: #e4e8f5 }} .no-grant {{ color: #999 }}
</style>
<h1>{escape(title)}</h1>
<p>{escape(_MEANS)}</p>
<table><thead><tr>{head}</tr></thead><tbody>
{chr(10).join(body)}
</tbody></table>
</html>
"""
