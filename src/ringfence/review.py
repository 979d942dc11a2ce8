"""A plan as a person reads it: a tree of changes with their hazards, and a review for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.differing import differences
from ringfence.kinds import kind_of
from ringfence.step import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.change import Change
    from ringfence.model import Ref
    from ringfence.step import Plan

_SIGNS = {"create": "+", "drop": "-", "alter": "~"}


def tree(changes: Sequence[Change], plan: Plan) -> list[tuple[int, str, str]]:
    """Lines as (depth, sign, text): each outermost object with what changes of and below it."""
    below: dict[Ref, list[Change]] = {}
    by_ref = {c.ref: c for c in changes}
    for change in changes:
        fact = change.new or change.old
        assert fact is not None
        parent = fact.parent
        if parent is not None and parent in by_ref:
            below.setdefault(parent, []).append(change)
    hazards: dict[Ref, list[str]] = {}
    for hazard in plan.hazards:
        said = f"{hazard.code}: {hazard.message}"
        if said not in hazards.setdefault(hazard.ref, []):
            hazards[hazard.ref].append(said)
    anew = _made_anew(plan)
    lines: list[tuple[int, str, str]] = []

    def show(change: Change, depth: int) -> None:
        text = kind_of(change.ref).title(change.ref)
        if change.verb == "alter":
            said = [f"{name}: {old} → {new}" for name, old, new in differences(change)]
            said += ["made anew"] if change.ref in anew else []
            text += f" ({'; '.join(said)})" if said else ""
        lines.append((depth, _SIGNS[change.verb], text))
        lines.extend((depth + 1, "!", h) for h in hazards.pop(change.ref, []))
        for child in sorted(below.get(change.ref, []), key=lambda c: c.ref):
            # What comes or goes with its parent says nothing new.
            if child.verb != change.verb or change.verb == "alter":
                show(child, depth + 1)

    lines += [(0, "=", str(rename)) for rename in plan.renames]
    for change in changes:
        fact = change.new or change.old
        assert fact is not None
        if fact.parent is None or fact.parent not in by_ref:
            show(change, 0)
    for ref in anew:
        if ref not in by_ref:
            kind = kind_of(ref)
            lines.append((0, "~", f"{kind.title(ref)} ({kind.again})"))
            lines.extend((1, "!", h) for h in hazards.pop(ref, []))
    for ref, left in hazards.items():
        lines.append((0, "!", kind_of(ref).title(ref)))
        lines.extend((1, "!", text) for text in left)
    return [(depth, sign, one_line(text)) for depth, sign, text in lines]


def _made_anew(plan: Plan) -> list[Ref]:
    """What is dropped and made within the plan, in the order in which it goes: not all of it differs."""
    made = {step.ref for step in plan.steps if step.verb == "create"}
    return [r for r in dict.fromkeys(s.ref for s in plan.steps if s.verb == "drop") if r in made]


def markdown(changes: Sequence[Change], plan: Plan, a: str, b: str) -> str:
    """The review that a pull request can carry."""
    if not plan.steps:
        return f"## Schema: {a} → {b}\n\nNo differences.\n"
    lines = [f"## Schema: {a} → {b}", ""]
    count = {v: sum(c.verb == v for c in changes) for v in ("create", "alter", "drop")}
    renamed = f"{len(plan.renames)} renamed, " if plan.renames else ""
    lines.append(
        f"{renamed}{count['create']} created, {count['alter']} altered, {count['drop']} dropped"
        f" in {len(plan.steps)} statements."
    )
    if plan.renames:
        lines += ["", "| renamed | from | to |", "|---|---|---|"]
        lines += [
            f"| {r.old.kind.replace('_', ' ')} | `{r.old.path}` | `{r.new.path}` |"
            for r in plan.renames
        ]
    if plan.hazards:
        lines += ["", "| hazard | object | what it means |", "|---|---|---|"]
        lines += [
            f"| **{h.code}** | `{one_line(h.ref.path)}` | {one_line(h.message).replace('|', chr(92) + '|')} |"
            for h in dict.fromkeys(plan.hazards)
        ]
    lines += [line for note in plan.notes for line in ("", f"Note: {note}.")]
    lines += ["", "<details><summary>Changes</summary>", "", "```"]
    lines += [f"{'  ' * depth}{sign} {text}" for depth, sign, text in tree(changes, plan)]
    lines += ["```", "", "</details>", "", "<details><summary>SQL</summary>", "", "```sql"]
    lines += [plan.script().rstrip(), "```", "", "</details>", ""]
    if plan.proof is not None:
        lines.append("Proved: " + "; ".join(plan.proof.checked) + ".")
        lines += [f"Not checked: {u}." for u in plan.proof.unchecked]
    else:
        lines.append("Not proved (`--no-proof`).")
    return "\n".join(lines) + "\n"
