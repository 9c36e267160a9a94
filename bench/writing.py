"""The tables of docs/performance.md that `python -m bench --write` writes, each between marks."""

import os
import platform
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Found, table
from bench.parts import Part
from launcher.home import ROOT

FILE = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "pictures" / "bench"
END = "<!-- end of rows -->\n"


def begin(name: str) -> str:
    return f"<!-- rows of make bench: {name} -->\n"


def named_in(text: str) -> list[str]:
    """The parts that have a place in a document."""
    return re.findall(r"^<!-- rows of make bench: (\S+) -->$", text, re.MULTILINE)


def machine() -> str:
    """What the figures depend on: the day, how busy the machine already was, the versions."""
    return (
        f"{datetime.now(UTC).date().isoformat()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} before, Python {platform.python_version()}"
    )


def write_part(part: Part, found: Found, circumstances: str, folder: Path) -> None:
    """Replace the rows of this part and its pictures, and leave those of others."""
    text = replaced(FILE.read_text(), part.name, block(found, circumstances))
    FILE.write_text(replaced(text, "aims", aims_in(text)))
    PICTURES.mkdir(parents=True, exist_ok=True)
    for picture in found.pictures:
        shutil.copy(folder / picture.file, PICTURES / picture.file)


def replaced(text: str, name: str, rows: str) -> str:
    """The text with other rows between the marks of a part; ValueError without its marks."""
    before, _mark, behind = text.partition(begin(name))
    _old, end, after = behind.partition(END)
    if not end:
        raise ValueError(f"{FILE.name} has no place for {name}")
    return "".join([before, begin(name), rows, END, after])


def block(found: Found, circumstances: str) -> str:
    lines = [f"{circumstances}.\n", "\n", table(found.rows)]
    if found.trouble:
        lines.append(f"\nThis run {found.trouble}: rows are missing.\n")
    for picture in found.pictures:
        lines.append(f"\n{picture.title} ({picture.unit}; across: {picture.head.lower()}):\n")
        lines.append(f"\n![{picture.title}](pictures/bench/{picture.file})\n")
    return "".join(lines)


def aims_in(text: str) -> str:
    """Of the tables in a document: each row with an aim, met or missed."""
    lines = ["| part | what | result | ratio | aim |\n|---|---|---|---|---|\n"]
    for name in named_in(text):
        rows = text.partition(begin(name))[2].partition(END)[0]
        for row in re.findall(r"^\| (.*: (?:met|missed)) \|$", rows, re.MULTILINE):
            what, result, _reference, ratio, aim = row.split(" | ")
            if name != "aims":
                lines.append(f"| {name} | {what} | {result} | {ratio} | {aim} |\n")
    return "".join(lines)
