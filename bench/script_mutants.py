"""Mutation score of the checks that run in the reader's browser, as bench/mutants.py for Python.

    python -m bench.script_mutants [tlog.js] [draw-rule.js] [--only TEXT]

Each mutant is one token of the script changed. It runs in Chromium, in a worker that is ended after
some seconds, against the cases of tests/browser/tlog_cases.py and draw_rule_cases.py. Survivors
that change nothing anybody could see stand with their reason in bench/mutants.tsv.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from playwright.sync_api import Browser, Route, sync_playwright

import config  # noqa: F401  (puts queue/ on the path)
from bench.mutants import explained
from launcher.browser import find_chromium
from tests.browser import draw_rule_cases, tlog_cases

FOLDER = Path(__file__).resolve().parent.parent / "static" / "jari"
CASES: dict[str, ModuleType] = {"tlog.js": tlog_cases, "draw-rule.js": draw_rule_cases}
MILLISECONDS = 5000

TOKEN = re.compile(
    r"""
    (?P<skip>//[^\n]*|\bimport\b[^\n]*|SyntaxError\([^)]*\)) | (?P<template>`(?:\\.|[^`\\])*`)
    | (?P<string>"(?:\\.|[^"\\])*") | (?P<regex>(?<=[(=,\s])/(?![/*\s])(?:\\.|\[[^\]]*\]|[^/\n])+/)
    | (?P<operator>===|!==|=>|>>>|\*\*|<=|>=|&&|\|\||\?\?|\?\.|\.\.\.|\+=|[-+*/%<>!])
    | (?P<number>\b\d+(?:e\d+)?\b)
    | (?P<word>\bif\s\(|\b(?:true|false|need|return|throw|some|max|min)\b)
    """,
    re.VERBOSE,
)
SWAPS = {
    "===": "!==", "!==": "===", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||", "||": "&&",
    "+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "!": "", "+=": "-=", "??": "&&",
    "true": "false", "false": "true", "some": "every", "max": "min", "min": "max",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A script with one token changed."""

    line: int
    source: str
    before: str
    after: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.source} [{self.before} → {self.after}]"


def mutants(text: str) -> Iterator[Mutant]:
    for match in TOKEN.finditer(text):
        for after in changes(match):
            line = text.count("\n", 0, match.start()) + 1
            source = text.split("\n")[line - 1].strip()
            script = text[: match.start()] + after + text[match.end() :]
            yield Mutant(line, source, match[0][:30], after[:30], script)


def changes(match: re.Match[str]) -> Iterator[str]:
    """What may stand in the place of a token."""
    kind, token = match.lastgroup, match[0]
    if kind in ("string", "template"):
        yield f"{token[:-1]}X{token[-1]}"
    elif kind == "regex":
        yield from {token.replace("^", "", 1), token.replace("$", "", 1)} - {token}
    elif kind == "number":
        yield str(int(float(token)) + 1)
    elif token == "if (":
        # Never what follows, and always.
        yield from ("if (true) ; else if (", "if (true || ")
    elif token == "need":
        yield "(() => {})"
    elif token in ("return", "throw"):
        yield "void"
    elif token in SWAPS:
        yield SWAPS[token]


WORKER = """
import '/%s';
const judge = %s;
onmessage = async ({ data }) => {
  try { postMessage(await judge(data)); } catch (error) { postMessage(null); }
};
"""
RUN = f"""
(cases) => new Promise((resolve) => {{
  const worker = new Worker('/worker.js', {{ type: 'module' }});
  const end = (answer) => {{ worker.terminate(); resolve(answer); }};
  worker.onmessage = ({{ data }}) => end(data);
  worker.onerror = () => end(null);
  setTimeout(end, {MILLISECONDS}, null);
  worker.postMessage(cases);
}})
"""


class Bench:
    """A page in which one text after another stands in the place of a script."""

    def __init__(self, browser: Browser, script: str) -> None:
        self.script, self.text, self.cases = script, "", CASES[script]
        self.first: list[Any] = []  # what the script itself answers to the first case
        # Of a context with routes nothing is cached: each worker loads its script anew.
        context = browser.new_context()
        context.route("http://localhost/**", self._serve)
        self.page = context.new_page()
        self.page.goto("http://localhost/")

    def _serve(self, route: Route) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        javascript = "text/javascript"
        if name == "worker.js":
            body = WORKER % (self.script, self.cases.JUDGE)
            route.fulfill(body=body, content_type=javascript)
        elif name == self.script:
            route.fulfill(body=self.text, content_type=javascript)
        elif name:
            route.fulfill(path=FOLDER / name, content_type=javascript)
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    def survives(self, text: str) -> bool:
        """Whether all cases are judged as ever with this text."""
        self.text = text
        return not self.cases.wrong_answers(self._answers)

    def _answers(self, given: list[Any]) -> list[Any]:
        # Most mutants are wrong of the first case already, which is right in all.
        first = self.page.evaluate(RUN, given[:1])
        self.first = self.first or first
        if first != self.first:
            return [["nothing", None]] * len(given)
        # Nothing came back from a worker that hung or could not be compiled: noticed.
        return self.page.evaluate(RUN, given) or [["nothing", None]] * len(given)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scripts", nargs="*", default=list(CASES))
    parser.add_argument("--only", default="", help="only where the line holds this")
    options = parser.parse_args()
    reasons, missed = explained(), 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        for script in options.scripts:
            missed += measure(browser, script, options.only, reasons)
        browser.close()
    return 1 if missed else 0


def measure(browser: Browser, script: str, only: str, reasons: dict[tuple[str, str], str]) -> int:
    text = (FOLDER / script).read_text(encoding="utf-8")
    bench = Bench(browser, script)
    if not bench.survives(text):
        raise SystemExit(f"{script} is wrong without any mutant")
    count, found, with_reason, left = 0, 0, 0, 0
    for mutant in mutants(text):
        if only not in mutant.source:
            continue
        count += 1
        if not bench.survives(mutant.text):
            found += 1
        elif (script, mutant.name) in reasons:
            with_reason += 1
        else:
            left += 1
            print(f"{script}:{mutant.line}: {mutant.name}", flush=True)
    print(
        f"{script}: {count} mutants, {found} found, {with_reason} explained, {left} not: "
        f"{100 * found / max(count - with_reason, 1):.1f} %"
    )
    return left


if __name__ == "__main__":
    sys.exit(main())
