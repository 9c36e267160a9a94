"""What the documents name exists, and what exists publicly is documented."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(settings.BASE_DIR)
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TOP = "|".join(sorted(path.name for path in ROOT.iterdir() if path.is_dir()))
# `booking/rules.py`, `queue/waiting_room/`, `waiting_room/merkle.py` (found below queue/ too).
PATH = re.compile(rf"`((?:{TOP}|waiting_room)/[A-Za-z_0-9./-]*)`")
MODULE = re.compile(
    r"`((?:booking|config|database|dataio|eligibility|messaging|privacy|rehearsal|staff|web"
    r"|waiting_room)(?:\.[a-z_]+)+)"
)
# Made by running.
NOT_IN_THE_TREE = re.compile(r"^(var|staticfiles)/")


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_paths_named_in_documents_exist(document):
    text = document.read_text(encoding="utf-8")

    missing = [
        path
        for path in PATH.findall(text)
        if not NOT_IN_THE_TREE.match(path)
        and not any((base / path).exists() for base in (ROOT, ROOT / "queue"))
    ]

    assert missing == []


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_modules_named_in_documents_exist(document):
    text = document.read_text(encoding="utf-8")

    assert [name for name in MODULE.findall(text) if not _is_there(name)] == []


def _is_there(name: str) -> bool:
    """A module, or something in one: `booking.rules.spread_margin`."""
    parts = name.split(".")
    for base in (ROOT, ROOT / "queue"):
        for depth in range(len(parts), 0, -1):
            file = base.joinpath(*parts[:depth])
            source = file.with_suffix(".py")
            if source.exists() or (file / "__init__.py").exists():
                rest = parts[depth:]
                text = source.read_text() if source.exists() else (file / "__init__.py").read_text()
                return not rest or re.search(rf"\b{rest[0]}\b", text) is not None
    return False


# `booking/rules.py`: `what_next`, `next_dose`: what a file defines.
NAMES_IN_FILE = re.compile(r"`([\w./]+\.py)`: (`\w+`(?:, `\w+`)*)")


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_what_documents_say_a_file_defines_is_defined_there(document):
    named = [
        (path, name)
        for path, names in NAMES_IN_FILE.findall(document.read_text(encoding="utf-8"))
        for name in re.findall(r"\w+", names)
    ]

    assert [(path, name) for path, name in named if name not in _defined_in(path)] == []


@cache
def _defined_in(path: str) -> set[str]:
    """Functions, methods, classes and constants of a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    defined = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    return defined


def test_each_rule_has_a_home_and_a_test():
    """The tables of "Where is it decided?": every rule names a function and a file of tests."""
    text = (ROOT / "docs" / "developing.md").read_text(encoding="utf-8")
    section = text.partition("## Where is it decided?")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ") and "`" in line]
    rows = [line.strip("| ").split(" | ") for line in lines]
    rules = {cells[0]: (cells[1], cells[-1]) for cells in rows}

    assert len(rules) > 30
    assert [rule for rule, (home, _test) in rules.items() if not NAMES_IN_FILE.search(home)] == []
    assert [rule for rule, (_home, test) in rules.items() if "`tests/" not in test] == []


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8"))

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_decision_stands_in_the_index_under_its_title():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    expected = []
    for file in sorted(folder.glob("[0-9]*.md")):
        number, title = file.read_text(encoding="utf-8").splitlines()[0].strip("# ").split(". ", 1)
        expected.append(f"| [{number}]({file.name}) | {title} |")

    assert [line for line in index.splitlines() if line.startswith("| [")] == expected


def test_every_public_address_is_documented_and_every_documented_one_exists():
    documented = set(_documented())
    public = {address for address in _addresses(get_resolver()) if _is_public(address)}

    assert documented - public == set()
    assert public - documented == set()


def _documented() -> Iterator[str]:
    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    return (address for address in _named_addresses(text) if _is_public(address))


def _named_addresses(text: str) -> Iterator[str]:
    """Addresses of the first column of the tables; `…/x/` stands beside the one before it."""
    for line in text.splitlines():
        before = ""
        for cell in re.findall(r"`([^`]+)`", line.split("|")[1]) if line.startswith("| `") else []:
            address = cell
            if cell.startswith("…/"):
                address = before.rstrip("/").rpartition("/")[0] + cell.removeprefix("…")
            if address.startswith("/"):
                before = address
                yield re.sub(r"<[^>]+>", "<>", address)


def _is_public(address: str) -> bool:
    return not address.startswith(("/admin/", "/static/"))


ACTS_OF_A_ROOM = "/admin/waiting_room/room/<>/<>/"
# Signing in and one's own account: of no model, and none of Django's for each model.
OF_NO_MODEL = re.compile(r"/admin/(account|second-factor|passkey|invitation|log|password)\w*/.*")


def test_documented_addresses_of_staff_exist_and_those_of_signing_in_are_documented():
    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    existing = {one for one in _addresses(get_resolver()) if one.startswith("/admin/")}
    documented = {one for one in _named_addresses(text) if one.startswith("/admin/")}
    acts = {
        one.removeprefix("/admin/waiting_room/room/<>/").rstrip("/")
        for one in existing
        if one.startswith("/admin/waiting_room/room/<>/")
    } - {"", "change", "delete", "history"}

    assert documented - existing == {ACTS_OF_A_ROOM}
    assert {one for one in existing if OF_NO_MODEL.fullmatch(one)} - documented == set()
    assert {act for act in acts if f"`{act}`" not in text} == set()


def _addresses(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    for entry in resolver.url_patterns:
        address = prefix + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLResolver):
            yield from _addresses(entry, address)
        elif isinstance(entry, URLPattern):
            yield re.sub(r"<[^>]+>", "<>", address)
