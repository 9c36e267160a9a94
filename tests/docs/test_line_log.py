"""docs/line-log.md, "What was tried": its sentences stand in the code, and its tests exist."""

import ast
import re
from pathlib import Path

import polib
import pytest
from django.conf import settings

from tests.waiting_room.steering import TRICKS

ROOT = Path(settings.BASE_DIR)
SECTION = "## What was tried\n"
CODE = ["queue/waiting_room/offline/verify_line.py",
        "queue/waiting_room/management/commands/verify_line.py"]  # fmt: skip
# Of rows in which nothing is said, because nothing goes wrong.
NOTHING = {"–", "refused", "nothing is moved by it", "the next relay is asked"}


def rows() -> list[list[str]]:
    text = (ROOT / "docs" / "line-log.md").read_text(encoding="utf-8")
    section = text.partition(SECTION)[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in found if row[-1] not in ("test", "test |")]


def texts() -> str:
    """All that the program and the pages can say, with … where a value stands."""
    said = [
        re.sub(r"%\(\w+\)s|\{\w+\}", "…", entry.msgid)
        for entry in polib.pofile(str(ROOT / "locale/ko/LC_MESSAGES/django.po"))
    ]
    for path in CODE:
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                said.append("".join(_part(part) for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(node.value)
    return "\n".join(said)


def _part(part: ast.expr) -> str:
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "…"


ROWS = rows()


def test_the_table_is_read():
    assert len(ROWS) > 50
    assert {len(row) for row in ROWS} == {3, 4}


@pytest.fixture(scope="module")
def said() -> str:
    return texts()


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_sentence_of_the_table_stands_in_the_code(row, said):
    for sentence in row[1:-1]:
        assert sentence in NOTHING or sentence in said


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_test_of_the_table_exists(row):
    names = re.findall("`([^`]+)`", row[-1])
    assert names or row[-1] == "the same"

    for name in names:
        path, double_colon, function = name.partition("::")
        if double_colon:
            source = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"^def {function}\(", source, re.MULTILINE), name
        else:
            assert name in TRICKS


def test_each_trick_stands_in_the_table():
    named = {name for row in ROWS for name in re.findall("`([^`]+)`", row[-1])}

    assert set(TRICKS) <= named
