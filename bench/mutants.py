"""Mutation score of what verifies a log: are its faults found by the tests that need no database?

    python -m bench.mutants [FILE …] [--part 1/4] [--only FUNCTION] [--keep RESULTS [--minutes 4]]

Each mutant is one small change of the syntax tree: a comparison, an operator, a number, a word, a
condition, a statement left out. It runs in a process of its own against the tests that pass through
the changed line, the quickest first, until one fails. Survivors that change nothing anybody could
see stand with their reason in bench/mutants.tsv; any other survivor makes the exit code 1.
"""

import __future__

import argparse
import ast
import contextlib
import csv
import hashlib
import importlib
import inspect
import mmap
import os
import signal
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import coverage
import hypothesis
import pytest
from _pytest.runner import runtestprotocol

from bench.mutations import Mutant, functions_of, mutants_of

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "queue")]
OFFLINE = "queue/waiting_room/offline/verify_line.py"
TLOG = "queue/waiting_room/tlog"
# What is mutated, and the tests of it that need neither database nor network.
TESTS = {
    OFFLINE: [
        "tests/waiting_room/test_verify_details.py",
        "tests/waiting_room/test_verify_evening.py",
        "tests/waiting_room/test_verify_files.py",
        "tests/waiting_room/test_verify_joining.py",
        "tests/waiting_room/test_verify_line.py",
        "tests/waiting_room/test_verify_signatures.py",
        "tests/waiting_room/test_verify_cosignatures.py",
    ],
    **{
        f"{TLOG}/{name}.py": [
            "tests/waiting_room/tlog/test_limits.py",
            "tests/waiting_room/tlog/test_formats.py",
            "tests/waiting_room/tlog/test_witnessing.py",
        ]
        for name in ("notes", "checkpoints", "proofs", "tiles", "witnessing")
    },
}
EXPLAINED = Path(__file__).with_suffix(".tsv")
SECONDS = 5  # of computing: a mutant that takes longer in one test has been noticed


class Runner:
    """A plugin of pytest: collects once, then runs each mutant in a fork."""

    def __init__(
        self,
        file: str,
        chosen: Callable[[Mutant, int], bool],
        *,
        results: "Results",
        untried: set[str],
        until: float,
    ) -> None:
        self.file, self.chosen, self.results = file, chosen, results
        self.untried, self.until = untried, until
        self.survivors: list[Mutant] = []
        self.count = 0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        path = str(ROOT / self.file)
        # Which test passes through which line, so that each mutant runs only against those.
        measured = coverage.Coverage(data_file=None, include=[path])
        seconds = {}
        measured.start()
        for item in session.items:
            measured.switch_context(item.nodeid)
            started = time.perf_counter()
            if failed(item):
                raise SystemExit(f"{item.nodeid} fails without any mutant")
            seconds[item.nodeid] = time.perf_counter() - started
        measured.stop()
        contexts = measured.get_data().contexts_by_lineno(path)
        trials = Trials(session.items, seconds)
        for number, (mutant, tree) in enumerate(mutants_of(ROOT, self.file)):
            # Counts the mutant even if it is not of the chosen part.
            is_noticed = self.results.has(mutant)
            if not self.chosen(mutant, number):
                continue
            if time.monotonic() > self.until:
                break
            self.count += 1
            if is_noticed:
                continue
            if mutant.name in self.untried:
                self.survivors.append(mutant)
                continue
            names = set(seconds)
            if mutant.lines:
                names = {name for line in mutant.lines for name in contexts.get(line, [])}
            if trials.survives(changed_part(tree, mutant), self.file, names):
                self.survivors.append(mutant)
                print(f"{self.file}:{mutant.line}: {mutant.name}", flush=True)
            else:
                self.results.add(mutant)
        return True


class Trials:
    """Runs tests against one mutant after another, those first that are quick and found most."""

    def __init__(self, items: list[pytest.Item], seconds: dict[str, float]) -> None:
        self.items, self.seconds = items, seconds
        self.found = [0] * len(items)
        self.finder = mmap.mmap(-1, 4)  # shared with the child: the test that failed, from 1

    def survives(self, tree: ast.Module, file: str, names: set[str]) -> bool:
        """Whether all tests of these names pass with this tree in the place of the module."""
        chosen = [at for at, item in enumerate(self.items) if item.nodeid in names]
        # A test that found many before finds the next one soon; a slow one must find more.
        chosen.sort(key=lambda at: self.seconds[self.items[at].nodeid] / (1 + self.found[at]))
        self.finder[:] = bytes(4)
        # In a child everything that a mutant changes or breaks is gone with it.
        child = os.fork()
        if not child:
            os._exit(self._try(tree, file, chosen))
        _pid, status = os.waitpid(child, 0)
        finder = int.from_bytes(self.finder[:], "little")
        if finder:
            self.found[finder - 1] += 1
        return status == 0

    def _try(self, tree: ast.Module, file: str, chosen: list[int]) -> int:
        # An endless loop ends the process, which counts as noticed.
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        try:
            plant(tree, file)
            for at in chosen:
                self.finder[:] = (at + 1).to_bytes(4, "little")
                signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
                if failed(self.items[at]):
                    return 1
        except BaseException:
            return 1
        self.finder[:] = bytes(4)
        return 0


def changed_part(tree: ast.Module, mutant: Mutant) -> ast.Module:
    """The function or class that holds the change: to compile the rest would take the most time."""
    if mutant.function == "module":
        return tree
    name = mutant.function.split(".")[0]
    held = (ast.FunctionDef, ast.ClassDef)
    return ast.Module([n for n in tree.body if isinstance(n, held) and n.name == name], [])


def failed(item: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, nextitem=None, log=False))


def plant(tree: ast.Module, file: str) -> None:
    """Put the mutant's code into the module that the tests have imported already."""
    name = file.removeprefix("queue/").removesuffix(".py").replace("/", ".")
    module = importlib.import_module(name)
    new = types.ModuleType(name)
    # A part of the module finds the rest in its place.
    vars(new).update(vars(module))
    # The line `from __future__ import annotations` is not in every part.
    flags = __future__.annotations.compiler_flag
    exec(compile(tree, file, "exec", flags, dont_inherit=True), new.__dict__)  # noqa: S102
    for key, value in list(vars(new).items()):
        old = vars(module).get(key)
        if value is old:
            continue
        if isinstance(value, types.FunctionType) and isinstance(old, types.FunctionType):
            old.__code__, old.__defaults__ = value.__code__, value.__defaults__
            old.__kwdefaults__ = value.__kwdefaults__
        elif isinstance(value, type) and value.__module__ == name and isinstance(old, type):
            plant_class(old, value, module)
        elif not key.startswith("__") and not inspect.ismodule(value):
            setattr(module, key, value)


def plant_class(old: type, new: type, module: types.ModuleType) -> None:
    for key, value in vars(new).items():
        if key in ("__dict__", "__weakref__", "__doc__", "__module__"):
            continue
        # Slots and other descriptors of the class itself can't be set, and need not be.
        with contextlib.suppress(AttributeError, TypeError):
            setattr(old, key, at_home(value, module))


def at_home(value: object, module: types.ModuleType) -> object:
    """A method with the names of the module that the tests know."""
    if isinstance(value, classmethod | staticmethod):
        return type(value)(at_home(value.__func__, module))
    if isinstance(value, property):
        return property(at_home(value.fget, module))
    if isinstance(value, types.FunctionType) and value.__globals__.get("__file__"):
        method = types.FunctionType(
            value.__code__, vars(module), value.__name__, value.__defaults__, value.__closure__
        )
        method.__kwdefaults__ = value.__kwdefaults__
        return method
    return value


def run(runner: Runner) -> None:
    hypothesis.settings.register_profile(
        "mutants", max_examples=5, derandomize=True, deadline=None, database=None
    )
    hypothesis.settings.load_profile("mutants")
    # Without the project's own settings: these tests need no Django, and each run counts.
    arguments = ["-c", os.devnull, f"--rootdir={ROOT}", "--noconftest", "-q"]
    arguments += ["-p", "no:django", "-p", "no:cacheprovider", *TESTS[runner.file]]
    # These run the file itself in a process of their own, which knows nothing of a mutant.
    arguments += [
        "-k",
        "not test_the_command_says_what_it_found and not test_the_file_stands_alone",
    ]
    pytest.main(arguments, plugins=[runner])


def explained() -> dict[tuple[str, str], str]:
    if not EXPLAINED.exists():
        return {}
    with EXPLAINED.open(encoding="utf-8", newline="") as file:
        return {(row[0], row[1]): row[2] for row in csv.reader(file, delimiter="\t")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", default=list(TESTS))
    parser.add_argument("--part", default="1/1", help="for example 2/4: every fourth mutant")
    parser.add_argument("--only", default="", help="only of functions whose name holds this")
    parser.add_argument("--keep", type=Path, help="a file of results: what was noticed stays so")
    parser.add_argument("--minutes", type=float, default=10**6, help="stop after these")
    options = parser.parse_args()
    part, parts = (int(each) for each in options.part.split("/"))
    until = time.monotonic() + 60 * options.minutes
    reasons, missed = explained(), 0

    def chosen(mutant: Mutant, number: int) -> bool:
        return number % parts == part - 1 and options.only in mutant.function

    for file in options.files:
        # To go on is to leave out what is known: the explained ones, which take all tests.
        untried = {name for of, name in reasons if of == file} if options.keep else set()
        results = Results(options.keep, file)
        runner = Runner(file, chosen, results=results, untried=untried, until=until)
        run(runner)
        explained_too = sum((file, each.name) in reasons for each in runner.survivors)
        left = len(runner.survivors) - explained_too
        missed += left
        noticed = runner.count - len(runner.survivors)
        score = 100 * noticed / max(runner.count - explained_too, 1)
        print(
            f"{file}: {runner.count} mutants, {noticed} found, {explained_too} explained, "
            f"{left} not: {score:.1f} %"
        )
    return 1 if missed else 0


class Results:
    """Mutants that earlier runs noticed: still noticed while their function is as it was.

    Survivors are not kept, since a new test may find them. Tests that are taken away need a new
    file of results.
    """

    def __init__(self, path: Path | None, file: str) -> None:
        self.path, self.file = path, file
        self.stored: set[str] = set()
        if path and path.exists():
            self.stored.update(path.read_text("utf-8").split("\n"))
        self.times: dict[str, int] = {}
        self.functions = functions_of(ast.parse((ROOT / file).read_text(encoding="utf-8")))

    def has(self, mutant: Mutant) -> bool:
        # The same change may be possible twice in a statement.
        self.times[mutant.name] = self.times.get(mutant.name, 0) + 1
        return self._line(mutant) in self.stored

    def add(self, mutant: Mutant) -> None:
        if self.path:
            with self.path.open("a", encoding="utf-8") as stored:
                stored.write(self._line(mutant) + "\n")

    def _line(self, mutant: Mutant) -> str:
        text = self.functions.get(mutant.function, "")
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return f"{self.file} {digest} {self.times[mutant.name]} {mutant.name}"


if __name__ == "__main__":
    sys.exit(main())
