"""python -m launcher.migrations: which new migrations would stop or break a portal in use.

Squawk reads the SQL that Django would run and knows which locks Postgres takes for it; the rules
stand in docs/developing.md. Migrations in database/final_migrations.txt ran before there was a
portal with people on it, and are not looked at. Needs the DATABASE_URL of any Postgres."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.home import ROOT

FINAL = ROOT / "database" / "final_migrations.txt"
EXCEPTIONS = ROOT / "database" / "lint_exceptions.tsv"
SQUAWK = Path(sys.executable).with_name("squawk")
POSTGRES = "16.0"  # the oldest that the portal runs on
# Squawk's rules that are not ours → why not.
LEFT_OUT = {
    "prefer-text-field": "a longer varchar is a change of the catalogue alone since Postgres 9.2",
    "require-lock-timeout": "config/settings/base.py sets it for each connection, 10 s",
    "require-statement-timeout": "an index that is built concurrently takes its time",
    "ban-drop-function": "install() makes it anew in the same statement",
    "prefer-bigint-over-int": "how large a number may become is said by its field",
    "prefer-bigint-over-smallint": "likewise",
    "prefer-robust-stmts": "Django writes down what ran; what was half done is undone by hand",
}
FILL_IN_BATCHES = "fill-in-batches"  # ours: what Python fills is no SQL that Squawk could read
BY_PYTHON = "THIS OPERATION CANNOT BE WRITTEN AS SQL"  # in Django's sqlmigrate

WRITE_SQL = """
import io, json, sys
from django.core.management import call_command
written = {{}}
for label in {labels}:
    out = io.StringIO()
    call_command("sqlmigrate", *label.split("."), no_color=True, stdout=out)
    written[label] = out.getvalue()
json.dump(written, sys.stdout)
"""


@dataclass(frozen=True, order=True)
class Finding:
    """`migration` is app.name; `rule` is Squawk's, or FILL_IN_BATCHES."""

    migration: str
    rule: str
    message: str


def main() -> int:
    found = findings()
    for finding in found:
        print(f"{finding.migration}: {finding.rule}: {finding.message}")  # noqa: T201
    if found:
        print("See docs/developing.md, “What the linter refuses”.")  # noqa: T201
    return 1 if found else 0


def findings() -> list[Finding]:
    """What is wrong with the new migrations, and exceptions that nothing needs any more."""
    found = [
        Finding(label, rule, message)
        for label, sql in sql_of(new_migrations()).items()
        for rule, message in problems_in(sql)
    ]
    excepted = set(exceptions())
    unused = excepted - {(finding.migration, finding.rule) for finding in found}
    return [finding for finding in found if (finding.migration, finding.rule) not in excepted] + [
        Finding(migration, rule, "This exception is not needed.")
        for migration, rule in sorted(unused)
    ]


def new_migrations() -> list[str]:
    """Labels (app.name) of all that is not final."""
    files = [*ROOT.glob("*/migrations/[0-9]*.py"), *ROOT.glob("queue/*/migrations/[0-9]*.py")]
    labels = {f"{file.parent.parent.name}.{file.stem}" for file in files}
    return sorted(labels - set(FINAL.read_text().split()))


def exceptions() -> dict[tuple[str, str], str]:
    """Migration and rule → why it may."""
    with EXCEPTIONS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {(row["migration"], row["rule"]): row["why"] for row in rows}


def sql_of(labels: Sequence[str]) -> dict[str, str]:
    """What sqlmigrate writes for each of these, by one process that loads Django once."""
    code = WRITE_SQL.format(labels=list(labels))
    shell = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "-c", code]
    written: dict[str, str] = json.loads(_run(shell))
    return written


def problems_in(sql: str) -> list[tuple[str, str]]:
    """Rule and message of each problem in what sqlmigrate wrote."""
    return [*_by_squawk(sql), *_by_python(sql)]


def _by_python(sql: str) -> Iterator[tuple[str, str]]:
    if BY_PYTHON in sql and "BEGIN;" in sql.splitlines():
        yield FILL_IN_BATCHES, "Python fills in batches, each a transaction: atomic = False."


def _by_squawk(sql: str) -> list[tuple[str, str]]:
    command = [
        str(SQUAWK), "--reporter=json", f"--pg-version={POSTGRES}",
        f"--exclude={','.join(LEFT_OUT)}", "--stdin-filepath=migration.sql",
    ]  # fmt: skip
    # 1 says that there are problems, which are listed.
    found = json.loads(_run(command, sql=sql, good=(0, 1)) or "[]")
    return [(problem["rule_name"], problem["message"]) for problem in found]


def _run(command: list[str], sql: str | None = None, good: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in good:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")
    output: str = done.stdout
    return output


if __name__ == "__main__":
    sys.exit(main())
