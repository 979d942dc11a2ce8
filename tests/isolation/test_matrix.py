"""Who reaches whose rows, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.support import APP
from ringfence.isolation import matrix

if TYPE_CHECKING:
    from isolation.support import Sound


def test_own_rows_and_everybody_s(sound: Sound) -> None:
    cells, _ = sound.with_("ALTER POLICY own ON trade.customer WITH CHECK (true)")
    found = {(role, path): verbs for role, path, verbs in matrix.lines(cells)}
    # What a row becomes is checked as what is read, too, but not where the UPDATE reads no column.
    assert found[APP, "trade.customer"] == {
        "SELECT": "pass",
        "INSERT": "leak",
        "UPDATE": "leak",
        "DELETE": "pass",
    }
    assert found[APP, "trade.pay(integer)"] == {"EXECUTE": "pass"}
    text = matrix.text(cells)
    (line,) = [
        n for n in text.splitlines() if n.startswith(f"{APP}   ") and " trade.customer " in n
    ]
    assert line.split() == [
        APP,
        "trade.customer",
        "own",
        "everybody's",
        "everybody's",
        "own",
        "–",
        "–",
    ]


def test_the_page_is_whole_and_escaped(sound: Sound) -> None:
    cells, _ = sound.with_("SELECT 1")
    page = matrix.html(cells, "a <title>")
    assert "<title>a &lt;title&gt;</title>" in page
    assert '<th scope=row>trade.&quot;Firm&quot;</th><td class="pass">own</td>' in page
    assert 'leak"' not in page
