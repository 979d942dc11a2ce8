"""What `ringfence lint` costs: against squawk on the same migrations, and the second time."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.lab import BIN, RINGFENCE, Lab, bench

FILES = 500


def _migrations(folder: Path) -> list[str]:
    """Migrations that make tables, and change those of the migrations before."""
    for n in range(FILES):
        one, two, three = (max(n - back, 0) for back in (1, 2, 3))
        (folder / f"{n:04}_orders.sql").write_text(
            f"-- What changes with migration {n}.\n"
            f"CREATE TABLE app.t{n} (\n"
            "    id UUID PRIMARY KEY,\n"
            "    tenant_id UUID NOT NULL REFERENCES app.tenants (id),\n"
            "    name TEXT NOT NULL DEFAULT 'x',\n"
            "    n INTEGER\n"
            ");\n\n"
            f"CREATE INDEX t{n}_n ON app.t{n} (tenant_id, n);\n\n"
            f"ALTER TABLE app.t{one}\n"
            f"    ADD COLUMN c{n} INTEGER DEFAULT 0,\n"
            f"    ADD CONSTRAINT ck{n} CHECK (n > 0) NOT VALID;\n\n"
            f"ALTER TABLE app.t{two} ALTER COLUMN name TYPE VARCHAR(50);\n\n"
            f"UPDATE app.t{three} SET n = 1 WHERE n IS NULL;\n"
        )
    return sorted(map(str, folder.glob("*.sql")))


@bench(f"`lint` without style on {FILES} migrations ÷ squawk on the same", limit=10, unit="×")
def against_squawk(lab: Lab) -> float:
    """Both find something: their status is 1."""
    with TemporaryDirectory() as folder:
        files = _migrations(Path(folder))
        ours = [*RINGFENCE, "lint", folder, "--skip", "style", "--fail-on", "error"]
        # squawk has no such option; a shell takes its answer for a yes.
        squawk = ["sh", "-c", '"$@" > squawk.txt || true', "sh", str(BIN / "squawk"), *files]
        mine, theirs = lab.medians(ours, squawk)
    return mine / theirs


@bench("style, asked again ÷ asked for the first time", limit=0.1, unit="×")
def asked_again(lab: Lab) -> float:
    """The second time nothing is asked of sqlfluff."""
    with TemporaryDirectory() as folder:
        files = _migrations(Path(folder))[:150]
        command = [*RINGFENCE, "lint", *files, "--select", "style", "--fail-on", "error"]
        first = lab.run(command)
        return lab.run(command) / first
