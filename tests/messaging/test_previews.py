"""What an inbox shows of a message of any type, whatever it says, against the model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from messaging.model import SAYS, Json, preview_of
from messaging.world import World, examples, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = (*SAYS, "audio", "sticker", "order", "unknown", "")

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
LONG = st.builds(
    lambda text, size: (text * size)[:size],
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    st.integers(195, 205),
)
WORDS = st.one_of(TEXT, LONG, st.just(""), st.none(), st.integers(), st.booleans())
KEYS = st.sampled_from(
    sorted({"0", "id", *(key for ways in SAYS.values() for way in ways for key in way)})
)
ANYTHING = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(KEYS, TEXT), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[str | None, Json | None]:
    """A type and a content, most often one that says something in a place where Meta puts it."""
    kind = draw(st.sampled_from(TYPES))
    content = draw(ANYTHING)
    for way in draw(st.lists(st.sampled_from(SAYS.get(kind, ((),))), max_size=3)):
        value: object = draw(st.one_of(WORDS, ANYTHING))
        for key in reversed(way):
            value = [value] if key == "0" and draw(st.booleans()) else {key: value}
        if isinstance(value, dict) and isinstance(content, dict):
            content = content | value
        else:
            content = value
    if draw(st.booleans()):
        content = {kind: content}
        if draw(st.booleans()):
            content |= {"body": draw(WORDS)}
    return kind, Json(content)


@pytest.fixture(scope="module")
def world(at_head: str) -> Iterator[World]:
    """The newest revision as the superuser sees it, with empty tables."""
    with opened(at_head) as found:
        yield found


def test_the_preview_is_the_models(world: World) -> None:
    """Of every type, some of what is tried shows a text, and some the type for want of one."""
    shown: Counter[tuple[str, bool]] = Counter()

    @given(message=messages())
    @examples(400)
    def hold(message: tuple[str, Json]) -> None:
        kind, content = message
        expected = preview_of(kind, content)
        said = world.value("SELECT messaging.message_preview(%s, %s)", kind, Jsonb(content.value))
        assert said == expected
        shown[kind, expected != f"[{kind}]"] += 1

    hold()
    for kind in TYPES:
        assert shown[kind, False], kind
        assert bool(shown[kind, True]) == (kind in SAYS), kind


@given(
    kind=st.one_of(st.none(), st.sampled_from(TYPES), TEXT, LONG),
    content=st.one_of(st.none(), ANYTHING.map(Json)),
)
@examples(150)
def test_a_type_or_a_content_that_meta_does_not_know(
    world: World, kind: str | None, content: Json | None
) -> None:
    said = world.value(
        "SELECT messaging.message_preview(%s, %s)",
        kind, None if content is None else Jsonb(content.value),
    )  # fmt: skip
    assert said == preview_of(kind, content)


@given(message=messages())
@examples(60)
def test_what_comes_in_shows_it(world: World, message: tuple[str, Json]) -> None:
    """Through the function that takes a message in, which knows the types and calls others unknown."""
    kind, content = message
    with world.sandbox():
        account = world.put("messaging.whatsapp_accounts")
        with world.acting(account["tenant_id"]):
            world.value(
                "SELECT messaging.process_incoming_message(%s, 'w', '525512345678', %s, %s)",
                account["id"], kind, Jsonb(content.value),
            )  # fmt: skip
            said = world.value("SELECT last_message_preview FROM messaging.vw_inbox")
            known = kind in (*SAYS, "audio", "sticker")
            assert said == preview_of(kind if known else "unknown", content)
            assert world.value("SELECT content FROM messaging.whatsapp_messages") == content.value
