"""`make bench`: its parts, its places in docs/performance.md, and one part for real."""

import ast
import os
import re
import subprocess
import sys

import pytest

from bench.figures import Found, Picture, Row, note, read_notes
from bench.flows import read
from bench.parts import PARTS
from bench.writing import FILE, PICTURES, aims_in, block, named_in, replaced
from launcher.home import ROOT


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_a_part_measures_for_real():
    done = bench("--only", "decisions", "--quick")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^\| one decision \| \d+\.\d µs \|", done.stdout, re.MULTILINE)
    assert "1 of 1 parts went through." in done.stdout


def test_each_part_is_listed_with_what_it_measures():
    listed = [line.split(maxsplit=1) for line in bench("--list").stdout.splitlines()]

    assert [name for name, _about in listed] == list(PARTS)
    assert [name for name, about in listed if len(about.split()) < 4] == []


@pytest.mark.parametrize("name", PARTS)
def test_each_part_can_measure(name):
    tree = ast.parse((ROOT / "bench" / "parts" / f"{name}.py").read_text())

    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [argument.arg for argument in functions["measure"].args.args] == ["size"]


def test_an_unknown_part_is_named_with_those_there_are():
    done = bench("--only", "nothing")

    assert done.returncode == 2
    assert "unknown: nothing; there are joins" in done.stderr


def test_the_document_has_one_place_for_each_part():
    assert sorted(named_in(FILE.read_text())) == sorted([*PARTS, "aims"])


def test_the_documents_pictures_are_there():
    named = set(re.findall(r"\(pictures/bench/([\w-]+\.svg)\)", FILE.read_text()))

    assert named == {path.name for path in PICTURES.glob("*")}


def test_what_a_part_noted_before_it_broke_off_is_kept(tmp_path):
    row = Row("joins", "9/s", "an empty view", 0.5, "0.4", True)
    picture = Picture("joins", "Joins", "per second", "Connections", ["1"], {"joins": [9.0]})
    note(tmp_path / "notes", row)
    note(tmp_path / "notes", picture)

    found = read_notes(tmp_path / "notes")

    found.trouble = "ended with 1"
    assert found == Found([row], [picture], "ended with 1")
    assert "This run ended with 1: rows are missing." in block(found, "today")


def test_a_walk_counts_after_its_ramp_who_went_through_waited_and_got_stuck():
    lines = [
        ["finder", "5.0", "200", "0.0"],
        ["finder", "7.0", "200", "2500.0"],
        ["hold", "9.0", "503", "2600.0"],
        ["later", "2000", "503", "2600.0"],
        ["stuck:hold", "20.0", "500", "3000.0"],
        ["through", "40.0", "0", "3100.0"],
    ]

    walked = read(lines, 10, {"cores": 0.1, "unanswered": 2, "output": ""})

    assert (walked.seconds, walked.through, walked.rate) == (8, 1, 1 / 8)
    assert (walked.asked_to_wait, walked.failed, walked.stuck) == (1, 3, {"hold 500": 1})
    assert walked.answers == [7.0, 9.0]


def test_a_part_replaces_its_own_rows_alone():
    text = (
        "<!-- rows of make bench: a -->\nold\n<!-- end of rows -->\n"
        "between\n"
        "<!-- rows of make bench: b -->\nother\n<!-- end of rows -->\n"
    )

    assert replaced(text, "a", "new\n") == text.replace("old", "new")
    with pytest.raises(ValueError, match="no place for c"):
        replaced(text, "c", "new\n")


def test_aims_are_gathered_from_the_tables_of_all_parts():
    met = Row("joins, 128", "9/s", "an empty view", 0.5, "0.4", True)
    missed = Row("a path", "1/s", aim="2/s", met=False)
    other = Row("CPU", "1 ms")
    text = "".join(
        f"<!-- rows of make bench: {name} -->\n{block(Found(rows), 'today')}<!-- end of rows -->\n"
        for name, rows in {"joins": [met, other], "whole_path": [missed]}.items()
    )

    assert aims_in(text) == (
        "| part | what | result | ratio | aim |\n|---|---|---|---|---|\n"
        "| joins | joins, 128 | 9/s | 0.50 | 0.4: met |\n"
        "| whole_path | a path | 1/s | – | 2/s: missed |\n"
    )
