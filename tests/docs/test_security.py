"""docs/asvs.csv names tests and settings that exist, and the code keeps what it says in general."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from launcher import asvs

ROOT = Path(settings.BASE_DIR)
# Chapter and section of ASVS 5.0.0: how many requirements of levels 1 and 2 its CSV has there.
SECTIONS = {
    1: {1: 2, 2: 9, 3: 11, 4: 3, 5: 2},
    2: {1: 3, 2: 3, 3: 4, 4: 1},
    3: {2: 2, 3: 4, 4: 6, 5: 5, 7: 2},
    4: {1: 3, 2: 1, 3: 2, 4: 4},
    5: {1: 1, 2: 3, 3: 2, 4: 3},
    6: {1: 3, 2: 12, 3: 4, 4: 4, 5: 5, 6: 3, 8: 4},
    7: {1: 3, 2: 4, 3: 2, 4: 5, 5: 2, 6: 2},
    8: {1: 2, 2: 3, 3: 1, 4: 1},
    9: {1: 3, 2: 4},
    10: {1: 2, 2: 2, 3: 4, 4: 11, 5: 5, 6: 2, 7: 3},
    11: {1: 2, 2: 3, 3: 3, 4: 4, 5: 1, 6: 1},
    12: {1: 3, 2: 2, 3: 4},
    13: {1: 1, 2: 5, 3: 2, 4: 5},
    14: {1: 2, 2: 4, 3: 3},
    15: {1: 3, 2: 3, 3: 7},
    16: {1: 1, 2: 5, 3: 4, 4: 3, 5: 3},
    17: {1: 1, 2: 4, 3: 2},
}
CODE = [
    "booking",
    "config",
    "database",
    "dataio",
    "eligibility",
    "events",
    "messaging",
    "outside",
    "privacy",
    "queue",
    "staff",
    "web",
]


def test_every_requirement_of_levels_1_and_2_is_there():
    found: dict[int, Counter[int]] = {}
    for row in asvs.requirements():
        chapter, section, _number = map(int, row["id"].split("."))
        found.setdefault(chapter, Counter())[section] += 1

    assert found == SECTIONS
    assert len({row["id"] for row in asvs.requirements()}) == 253


def test_each_has_a_status_and_a_reason_and_what_is_met_is_shown():
    for row in asvs.requirements():
        assert row["status"] in asvs.STATUSES, row
        assert row["level"] in ("1", "2"), row
        assert row["reason"], row
        assert row["shown_by"] or row["status"] != "met", row


@pytest.mark.parametrize("row", asvs.requirements(), ids=lambda row: row["id"])
def test_what_shows_a_requirement_exists(row):
    for shown in row["shown_by"].split():
        assert exists(shown), shown


def exists(shown: str) -> bool:
    kind, _colon, name = shown.partition(":")
    if kind == "setting":
        production = (ROOT / "config/settings/production.py").read_text()
        return hasattr(settings, name) or bool(re.search(rf"^{name} =", production, re.M))
    if kind == "doc":
        return (ROOT / name).is_file()
    file, _colons, test = shown.partition("::")
    text = (ROOT / file).read_text() if (ROOT / file).is_file() else ""
    return f"def {test or 'test_'}" in text and (not test or f"def {test}(" in text)


def test_the_table_is_what_the_file_says():
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")

    assert asvs.BEGIN in page
    assert asvs.with_table(page) == page


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the code of the portal, with its name as it is written."""
    for folder in CODE:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield ast.unparse(node.func), node


def test_no_shell_is_started():
    assert [
        name for name, _call in calls() if re.match(r"os\.(system|popen)|subprocess\.", name)
    ] == []


def test_no_code_is_made_of_text():
    bad = {"eval", "exec", "pickle.loads", "pickle.load", "marshal.loads", "yaml.load"}
    assert [name for name, _call in calls() if name in bad] == []


def test_nothing_turns_certificates_off():
    off = [
        name
        for name, call in calls()
        for word in call.keywords
        if word.arg == "verify" and getattr(word.value, "value", None) is False
    ]
    assert [*off, *(name for name, _c in calls() if "unverified" in name)] == []


def test_secrets_come_from_the_generator_of_the_system():
    """`random` is used for no secret: only for pauses and choices that nobody must not guess."""
    used = {name for name, _call in calls() if name.startswith("random.")}
    assert used <= {"random.Random", "random.random", "random.uniform", "random.shuffle"}


def test_scripts_use_no_storage_of_the_browser():
    for script in (ROOT / "static/jari").glob("*.js"):
        assert not re.search(
            r"(session|local)Storage|indexedDB|document\.cookie", script.read_text()
        )


@pytest.mark.parametrize("path", ["/.git/config", "/static/", "/static/../manage.py", "/var/"])
def test_nothing_but_static_files_is_served_from_the_disk(client, db, path):
    assert client.get(path).status_code == 404
