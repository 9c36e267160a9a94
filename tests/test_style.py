"""docs/style.md, as far as a program can hold it: names of locals, comments, words."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from django.conf import settings

# Packages of product code.
PACKAGES = [
    "bench",
    "booking",
    "bulk",
    "config",
    "database",
    "dataio",
    "eligibility",
    "events",
    "launcher",
    "messaging",
    "outside",
    "privacy",
    "queue/waiting_room",
    "recovery",
    "rehearsal",
    "reports",
    "staff",
    "standing",
    "statements",
    "vaccination",
    "web",
]
# Names that hide a type: the noun of the field costs nothing.
VAGUE = {
    *("gone", "hers", "his", "it", "known", "kept", "made", "mine", "one", "ones", "ours"),
    *("rest", "said", "seen", "stuff", "that", "theirs", "them", "thing", "things", "this"),
    *("those", "told", "who", "whoever", "whole", "yours"),
}
# An essayist's subjects, in comments and docstrings.
ESSAY = re.compile(r"\b(whoever|somebody|thrice|second thought)\b", re.IGNORECASE)
# Lines with a comment for each 100 lines of code, over a package.
LEAST_COMMENTS = 3.5
LONGEST_FUNCTION, LONGEST_FILE = 55, 450
# Programs that people download and run alone: one file on purpose.
ONE_FILE = {"queue/waiting_room/offline/verify_line.py", "queue/waiting_room/offline/witness.py"}
FILES_OF_A_PACKAGE = 256  # what is kept of them while its tests run, one after the other
# Comments for tools, not for readers.
PRAGMA = re.compile(r"#\s*(noqa|type:|fmt:|pragma|nosec)")


@pytest.fixture(scope="module", params=PACKAGES)
def package(request: pytest.FixtureRequest) -> str:
    """All tests of a package follow each other, so that its files are parsed once."""
    return str(request.param)


def sources(package: str, *suffixes: str) -> list[Path]:
    return [
        path
        for path in sorted((settings.BASE_DIR / package).rglob("*"))
        if path.suffix in suffixes and "migrations" not in path.parts
    ]


@lru_cache(FILES_OF_A_PACKAGE)
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                yield first.value


@lru_cache(FILES_OF_A_PACKAGE)
def tokens(source: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(source).readline))


def comments(source: str) -> Iterator[tokenize.TokenInfo]:
    for token in tokens(source):
        if token.type == tokenize.COMMENT and not PRAGMA.match(token.string):
            yield token


def count_sql(source: str) -> tuple[int, int]:
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    commented = sum("-- " in line for line in lines)
    return commented, len(lines) - sum(line.startswith("--") for line in lines)


def count_python(source: str) -> tuple[int, int]:
    """(lines with a comment, lines of code); docstrings are neither, SQL in strings is both."""
    commented = {token.start[0] for token in comments(source)}
    code: set[int] = set()
    for token in tokens(source):
        if token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.OP, tokenize.STRING):
            code.update(range(token.start[0], token.end[0] + 1))
    for docstring in docstrings(parsed(source)):
        code -= set(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    sql = {line for line in code if source.splitlines()[line - 1].lstrip().startswith("-- ")}
    return len(commented | sql), len(code - sql)


def test_about_four_lines_in_a_hundred_have_a_comment(package):
    counts = [
        (count_sql if path.suffix == ".sql" else count_python)(path.read_text(encoding="utf-8"))
        for path in sources(package, ".py", ".sql")
    ]

    commented, code = (sum(column) for column in zip(*counts, strict=True))

    assert 100 * commented / code >= LEAST_COMMENTS, f"{commented} comments, {code} lines"


def test_no_local_hides_its_type_behind_a_vague_name(package):
    vague = [
        f"{path.relative_to(settings.BASE_DIR)}:{node.lineno} {name}"
        for path in sources(package, ".py")
        for node in ast.walk(parsed(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name | ast.arg)
        for name in [node.arg if isinstance(node, ast.arg) else node.id]
        if name in VAGUE
    ]

    assert vague == []


def test_comments_are_written_with_the_nouns_of_the_field(package):
    essays = []
    for path in sources(package, ".py"):
        source = path.read_text(encoding="utf-8")
        texts = [(token.start[0], token.string) for token in comments(source)]
        texts += [(text.lineno, str(text.value)) for text in docstrings(parsed(source))]
        essays += [
            f"{path.relative_to(settings.BASE_DIR)}:{line} {found.group()}"
            for line, text in texts
            if (found := ESSAY.search(text))
        ]

    assert essays == []


def test_functions_and_files_are_short(package):
    long = []
    for path in sources(package, ".py"):
        name = str(path.relative_to(settings.BASE_DIR))
        source = path.read_text(encoding="utf-8")
        if len(source.splitlines()) > LONGEST_FILE and name not in ONE_FILE:
            long.append(name)
        long += [
            f"{name}:{node.lineno} {node.name}"
            for node in ast.walk(parsed(source))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
        ]

    assert long == []


@pytest.mark.parametrize("package", ["booking", "eligibility", "queue/waiting_room"])
def test_the_package_of_services_is_no_list_of_names(package):
    source = (settings.BASE_DIR / package / "services" / "__init__.py").read_text(encoding="utf-8")

    assert [type(node) for node in ast.parse(source).body] == [ast.Expr]


def test_the_count_sees_comments_but_neither_docstrings_nor_pragmas():
    source = '"""Doc."""\n\n# Why.\nx = 1  # noqa: E501\nSQL = """\n-- Why.\nSELECT 1\n"""\n'

    assert count_python(source) == (2, 4)
