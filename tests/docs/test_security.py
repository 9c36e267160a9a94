"""docs/asvs.csv names tests and settings that exist, and the code keeps what it says in general."""

import ast
import re
from collections import Counter
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
    "recovery",
    "reports",
    "staff",
    "vaccination",
    "bulk",
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


def attacks() -> list[list[str]]:
    """(attack, what stops it, tests) of each row of the table in docs/security.md."""
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    section = page.split("## Attacks, and the tests that repeat them")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


@pytest.mark.parametrize("row", attacks(), ids=lambda row: row[0][:40])
def test_every_attack_has_tests_that_exist(row):
    _attack, stopped_by, named = row
    tests = re.findall(r"`([^`]+)`", named)

    assert stopped_by
    assert tests
    assert [test for test in tests if not ("::" in test and exists(test))] == []


def test_no_row_of_attacks_is_lost():
    assert len(attacks()) > 50


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    """The code of the portal, by file."""
    files = [file for folder in CODE for file in (ROOT / folder).rglob("*.py")]
    return {
        str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8")) for file in files
    }


@pytest.fixture(scope="module")
def calls(modules) -> list[tuple[str, ast.Call]]:
    """Every call in the code of the portal, with its name as it is written."""
    nodes = [node for module in modules.values() for node in ast.walk(module)]
    return [(ast.unparse(node.func), node) for node in nodes if isinstance(node, ast.Call)]


@pytest.fixture(scope="module")
def imports(modules) -> list[tuple[str, str]]:
    """Every module that the code of the portal imports, after the file that does."""
    found = []
    for file, module in modules.items():
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                found += [(file, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found.append((file, node.module or ""))
    return found


# They run in manage.py drill on the host of backups, and start Barman, Postgres and manage.py.
STARTERS = {"recovery/barman.py", "recovery/drilling.py", "recovery/scratch.py"}


def test_no_shell_is_started(calls, imports):
    assert {file for file, module in imports if module == "subprocess"} == STARTERS
    assert [
        name
        for name, call in calls
        if re.match(r"os\.(system|popen)", name) or "shell" in {word.arg for word in call.keywords}
    ] == []


def test_no_code_is_made_of_text(calls):
    bad = {"eval", "exec", "pickle.loads", "pickle.load", "marshal.loads", "yaml.load"}
    assert [name for name, _call in calls if name in bad] == []


def test_no_template_is_made_of_text(calls):
    made = ("Template", "from_string", "render_to_string_from")
    assert [name for name, _call in calls if name.rpartition(".")[2] in made] == []


def test_format_strings_are_constants(calls):
    """Or translations of constants, or constants by name."""
    from_elsewhere = [
        ast.unparse(call.func)
        for name, call in calls
        if name.endswith(".format")
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and not call.func.value.id.isupper()
    ]
    assert from_elsewhere == ["text.format"]  # waiting_room.templatetags: one of two translations


def test_templates_escape_all_but_the_picture_of_a_code(calls):
    unescaped = {
        (file.name, line.strip())
        for file in (ROOT / "templates").rglob("*.html")
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"\|\s*safe|autoescape|safeseq", line)
    }
    marked = [ast.unparse(call) for name, call in calls if name.endswith("mark_safe")]

    # The squares of a QR code (booking.qr, made by segno); a constant, a chart whose texts
    # ElementTree has escaped (tests/reports/test_charts.py), and pages that templates made, kept in
    # parts with their texts escaped as they are filled in (tests/booking/test_kept_pages.py). And a
    # text that was escaped, with a span around its numbers (tests/pages/test_line_breaks.py).
    assert unescaped == {
        ("voucher.html", "{{ qr|safe }}"),
        ("certificate.html", "{{ qr|safe }}"),
    }
    assert sorted(marked) == [
        "mark_safe(''.join(buttons))",
        "mark_safe('<br>')",
        "mark_safe(ET.tostring(root, encoding='unicode'))",
        "mark_safe(_IN_A_DAY.sub(_WORD_JOINER, html))",
        "mark_safe(_page(template, context))",
    ]


def test_no_script_stands_in_a_page():
    for file in (ROOT / "templates").rglob("*.html"):
        text = re.sub(r"{#.*?#}", "", file.read_text(encoding="utf-8"), flags=re.S)
        html = re.sub(r"{%.*?%}", "", text, flags=re.S)
        for tag in re.findall(r"<script[^>]*>.*?</script>", text, re.S):
            assert re.fullmatch(r"<script\b[^>]*\bsrc=[^>]*>\s*</script>", tag, re.S), file
        assert not re.search(r"javascript:|<[^>]+\son[a-z]+\s*=|\sstyle=", html), file


def scripts() -> list[tuple[str, str]]:
    return [(file.name, file.read_text()) for file in (ROOT / "static/jari").glob("*.js")]


def test_scripts_write_text_and_nodes_only():
    """What they make of text is never parsed as HTML, nor run."""
    parsed = (
        r"\.(inner|outer)HTML\s*\+?=[^=]|insertAdjacentHTML|document\.write|\beval\(|new Function"
    )
    assert [name for name, text in scripts() if re.search(parsed, text)] == []


def test_scripts_write_no_property_whose_name_comes_from_data():
    """So that no name such as __proto__ reaches all objects. draw.js counts through arrays."""
    written = {
        (name, target)
        for name, text in scripts()
        for target in re.findall(r"(\w+\[[^\]\"']+\])\s*=[^=>]", text)
    }
    arrays = ["words[index]", "hash[index]", "source[32]"]
    assert written == {("draw.js", element) for element in arrays}
    for name, text in scripts():
        assert not re.search(r"__proto__|\.prototype\b|setPrototypeOf|for \(\w+ \w+ in ", text), (
            name
        )


def test_hashes_are_of_the_sha_2_family_and_blake2(calls):
    """In code of ours; the codes of authenticator apps (RFC 6238) are django-otp's."""
    hashes = {name for name, _call in calls if re.match(r"hashlib\.", name)}
    macs = {
        ast.unparse(word.value)
        for name, call in calls
        if name in ("hmac.digest", "hmac.new", "salted_hmac")
        for word in (
            [word for word in call.keywords if word.arg == "algorithm"]
            or [ast.keyword(value=call.args[-1])]
        )
    }
    # SHA-1 of a secret is how SOLAPI proves its reports (messaging.views).
    used = {name.split(".")[1].split("(")[0] for name in hashes} - {"sha1"}
    assert used <= {"sha256", "sha512", "blake2b"}
    assert macs == {"'sha256'"}


# Modules that speak to other hosts: to those of the settings, through outside.peers or a library
# that gets one address. witness.py runs elsewhere; config.connections is the own socket, and
# config.calm speaks to a process of the same server.
SPEAKERS = {
    "config/calm.py",
    "config/connections.py",
    "messaging/channels.py",
    "messaging/mail_provider.py",
    "messaging/solapi.py",
    "outside/openid.py",
    "outside/peers.py",
    "queue/waiting_room/offline/witness.py",
    "queue/waiting_room/services/asking_witnesses.py",
    "queue/waiting_room/services/drawing.py",
}


def test_only_known_modules_speak_to_others(imports):
    libraries = (
        r"(requests|urllib3|urllib\.request|http\.client|httpx|aiohttp|smtplib|apprise|socket"
        r"|authlib)"
    )

    found = {file for file, module in imports if re.match(rf"{libraries}(\.|$)", module)}

    assert found == SPEAKERS


def test_nothing_turns_certificates_off(calls):
    off = [
        name
        for name, call in calls
        for word in call.keywords
        if word.arg == "verify" and getattr(word.value, "value", None) is False
    ]
    assert [*off, *(name for name, _c in calls if "unverified" in name)] == []


def test_secrets_come_from_the_generator_of_the_system(calls):
    """`random` is used for no secret: only for pauses and choices that nobody must not guess."""
    used = {name for name, _call in calls if name.startswith("random.")}
    assert used <= {"random.Random", "random.random", "random.uniform", "random.shuffle"}


def test_scripts_use_no_storage_of_the_browser():
    for script in (ROOT / "static/jari").glob("*.js"):
        assert not re.search(
            r"(session|local)Storage|indexedDB|document\.cookie", script.read_text()
        )


@pytest.mark.parametrize("path", ["/.git/config", "/static/", "/static/../manage.py", "/var/"])
def test_nothing_but_static_files_is_served_from_the_disk(client, db, path):
    assert client.get(path).status_code == 404
