"""Owner and application as docs/running.md sets them up, on a database made by its own words."""

import os
import re
from collections.abc import Iterator
from subprocess import CompletedProcess
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from tests.nursery import Nursery

# A server has one set of roles for all its databases: these stand for those of the guide.
NAMES = {"jari_owner": "guide_owner", "jari_app": "guide_app", "DATABASE jari": "DATABASE guide"}


def statements() -> list[str]:
    guide = (settings.BASE_DIR / "docs" / "running.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```sql\n(CREATE ROLE.*?)```", guide, re.DOTALL)
    for name, other in NAMES.items():
        block = block.replace(name, other)
    return block.replace("…", "secret").splitlines()


@pytest.fixture
def server() -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        # One at a time, should test workers share the server.
        server.execute("SELECT pg_advisory_lock(hashtext('guide'))")
        try:
            yield server
        finally:
            server.execute("DROP DATABASE IF EXISTS guide WITH (FORCE)")
            for role in ("guide_owner", "guide_app"):
                server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def url(role: str) -> str:
    address = urlsplit(os.environ["DATABASE_URL"])
    place = f"{role}:secret@{address.hostname}:{address.port}"
    return address._replace(netloc=place, path="/guide").geturl()


def manage(
    programs: Nursery, *arguments: str, account: str = "guide_app", owner: bool = False
) -> CompletedProcess[str]:
    accounts = {"DATABASE_URL": url(account), "JARI_DATABASE_ROLE": "guide_app"}
    if owner:
        accounts["DATABASE_OWNER_URL"] = url("guide_owner")
    module = {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
    return programs.run("manage.py", *arguments, env=os.environ | module | accounts)


def test_the_guide_makes_an_owner_and_an_application_that_is_none(server, programs):
    for statement in statements():
        server.execute(statement)

    # No superuser is needed, and nothing is left to grant.
    refused = manage(programs, "migrate")
    made = manage(programs, "migrate", "-v0", owner=True)
    checked = manage(programs, "database_roles", "--check", owner=True)
    deployed = manage(programs, "check", "--deploy")
    by_owner = manage(programs, "check", "--deploy", account="guide_owner")

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith("CommandError: guide_app")
    assert "DATABASE_OWNER_URL" in refused.stderr
    assert (made.returncode, made.stderr) == (0, "")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "database.W001" not in deployed.stderr
    assert "guide_owner may create tables" in by_owner.stderr
    with psycopg.connect(url("guide_app")) as application:
        owners = application.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        assert owners == [("guide_owner",)]
        for statement in ("TRUNCATE staff_access", "SET ROLE guide_owner", "DROP TABLE staff_user"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), application.transaction():
                application.execute(statement)
