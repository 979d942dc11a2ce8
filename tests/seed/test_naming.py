"""How a session names its tenant: the key alone, or the key inside of what policies take apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from ringfence.config import Tenancy
from ringfence.errors import Misuse
from ringfence.seed import model, naming, read, seed

if TYPE_CHECKING:
    from seed.support import Connection

CLAIM = "current_setting('jwt.claims'::text, true)"


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        (f"(org = ({CLAIM})::uuid)", ()),
        (f"(org = ((({CLAIM})::json ->> 'org'::text))::uuid)", ("org",)),
        (f"(org = (((NULLIF({CLAIM}, ''::text))::jsonb -> 'a b'::text) ->> 'it''s'::text)::int)", ("a b", "it's")),
        (f"(org = ((({CLAIM})::jsonb #>> '{{app,org}}'::text[]))::uuid)", ("app", "org")),
        (f"(org = (COALESCE(({CLAIM})::jsonb, '{{}}'::jsonb) ->> 'org'::text))", ("org",)),
        (f"(org = jsonb_extract_path_text(({CLAIM})::jsonb, VARIADIC ARRAY['org'::text]))", ()),
        (f"(org = jsonb_extract_path_text(({CLAIM})::jsonb, 'app', 'org'))", ("app", "org")),
        (f"(org = ((({CLAIM})::jsonb)['app'::text] ->> 'org'::text))", ("app", "org")),
        (f"(org = (( SELECT ({CLAIM})::jsonb AS c) ->> 'org'::text))", ("org",)),
        # Of another setting, and not even SQL.
        ("(org = (current_setting('other'::text)::json ->> 'org'::text))", ()),
        ("(org = ", ()),
    ],
)  # fmt: skip
def test_what_a_condition_takes_out_of_a_setting(condition: str, path: tuple[str, ...]) -> None:
    assert naming.path(condition, "current_setting", "", "jwt.claims") == path


@pytest.mark.parametrize(
    "body",
    [
        f"SELECT ({CLAIM})::jsonb -> 'app'",
        f"RETURN (({CLAIM})::jsonb -> 'app'::text)",
        f"BEGIN ATOMIC\n SELECT (({CLAIM})::jsonb -> 'app'::text);\nEND",
        f"\n  select coalesce(nullif({CLAIM}, '')::jsonb -> 'app', '{{}}');\n",
    ],
)
def test_what_a_function_takes_out_of_it_comes_first(body: str) -> None:
    assert naming.path("(org = (auth.claims() ->> 'org'))", "claims", body, "jwt.claims") == (
        "app",
        "org",
    )


def test_a_key_is_put_into_json_as_json_has_it() -> None:
    template = naming.template(("app", 'the "org"'))
    assert template == '{"app": {"the \\"org\\"": "{tenant}"}}'
    assert naming.place(template) == ("app", 'the "org"')
    assert naming.named(template, 'a"b') == '{"app": {"the \\"org\\"": "a\\"b"}}'
    assert naming.named("org:{tenant}", 'a"b') == 'org:a"b'
    assert naming.place("org:{tenant}") == ()
    assert naming.named("", "a") == naming.named(naming.template(()), "a") == "a"
    assert naming.named(template, "") == ""


def test_a_value_without_a_place_for_the_tenant(conn: Connection) -> None:
    conn.execute("CREATE TABLE tenants (id INT PRIMARY KEY)")
    with pytest.raises(Misuse) as raised:
        model(read(conn), Tenancy(root="tenants", setting="a.b", value='{"org": 1}'))
    assert raised.value.message == (
        '[tool.ringfence.tenancy] value is {"org": 1}, and has no place for the tenant'
    )
    assert "{tenant}" in raised.value.hint


@pytest.mark.parametrize("told", ["", "org={tenant};"])
def test_rows_are_written_in_the_name_of_their_tenant(conn: Connection, told: str) -> None:
    """Both found out from a policy, and told where no policy shows it."""
    how = (
        "substr(current_setting('jwt.claims'), 5, 36)"
        if told
        else "current_setting('jwt.claims')::json ->> 'org'"
    )
    conn.execute(
        "CREATE TABLE orgs (id UUID PRIMARY KEY);"
        "CREATE TABLE notes (id INT PRIMARY KEY, org UUID NOT NULL REFERENCES orgs);"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY p ON notes USING (org = ({how})::uuid);"
        "DROP ROLE IF EXISTS ringfence_naming; CREATE ROLE ringfence_naming;"
        "GRANT SELECT ON orgs TO ringfence_naming; GRANT SELECT, INSERT ON notes TO ringfence_naming"
    )
    try:
        seeded = seed(conn, tenancy=Tenancy(roles=("ringfence_naming",), value=told))
        assert seeded.value == (told or '{"org": "{tenant}"}')
        assert (seeded.role, seeded.guarded) == ("ringfence_naming", ("public.notes",))
        # In the key alone, no row would be let in.
        conn.execute("SELECT set_config('jwt.claims', %s, false)", (seeded.tenants[0],))
        conn.execute("SET ROLE ringfence_naming")
        with pytest.raises(psycopg.Error):
            conn.execute("INSERT INTO notes VALUES (-1, %s)", (seeded.tenants[0],))
    finally:
        conn.execute("RESET ROLE")
        conn.execute("DROP OWNED BY ringfence_naming; DROP ROLE ringfence_naming")
