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
import copy
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import coverage
import hypothesis
import pytest
from _pytest.runner import runtestprotocol

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
# Words for people: other tests than these look at them.
WORDING = {"trouble", "add_argument", "ArgumentParser", "BadNote", "Unreadable", "BadAnswer",
           "BadWitness", "ValueError", "write", "append"}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: where, what stood there, and what stands there now."""

    file: str
    function: str
    statement: str
    line: int
    before: str
    after: str
    lines: range  # of the statement; none where it runs at the import

    @property
    def name(self) -> str:
        return f"{self.function}: {self.statement} [{self.before} → {self.after}]"


SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            if type(operator) in SWAPS:
                other = copy.copy(node)
                other.ops = [*node.ops[:at], SWAPS[type(operator)](), *node.ops[at + 1 :]]
                yield other
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(SWAPS[type(node.op)](), node.values)
    elif isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
        yield ast.BinOp(node.left, SWAPS[type(node.op)](), node.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in NAMES:
        yield ast.Name(NAMES[node.id], ast.Load())
    elif isinstance(node, ast.Constant):
        yield from constants(node.value)
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        for value in (True, False):
            if not (isinstance(node, ast.While) and value):
                other = copy.copy(node)
                other.test = ast.Constant(value)
                yield other
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Expr | ast.AugAssign | ast.Continue | ast.Break | ast.Raise):
        yield ast.Pass()
    elif isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple):
        yield ast.Pass()  # an attribute or an item that stays what it was


def constants(value: object) -> Iterator[ast.Constant]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, str | bytes):
        yield ast.Constant(value + (b"X" if isinstance(value, bytes) else "X"))


def mutants(file: str) -> Iterator[tuple[Mutant, ast.Module]]:
    """Each mutant with its tree, which holds the change until the next one is asked for."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for parent, field, at, node, where in places(tree, Where("module", range(0), "")):
        for other in changes(node):
            # Tracebacks and coverage go by the place of the original.
            ast.copy_location(other, node)
            ast.fix_missing_locations(other)
            before, after = shown(node), shown(other)
            mutant = Mutant(
                file, where.function, where.statement, node.lineno, before, after, where.lines
            )
            put(parent, field, at, other)
            yield mutant, tree
            put(parent, field, at, node)


def shown(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split("\n")[0].split())[:90]


def put(parent: ast.AST, field: str, at: int | None, node: ast.AST) -> None:
    if at is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[at] = node


@dataclass(frozen=True)
class Where:
    """The function and the statement that a node stands in, with the statement's lines."""

    function: str
    lines: range
    statement: str

    def inside(self, node: ast.AST) -> "Where":
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            outer = "" if self.function == "module" else f"{self.function}."
            # From 1 on: what stands in it is run later than the import.
            lines = range(1, 1) if isinstance(node, ast.FunctionDef) else self.lines
            return Where(outer + node.name, lines, "")
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = body[0].lineno if body else (node.end_lineno or node.lineno) + 1
            lines = range(node.lineno, max(end, node.lineno + 1))
            return Where(self.function, lines if self.lines.start else self.lines, shown(node))
        return self


Place = tuple[ast.AST, str, int | None, ast.AST, Where]


def places(node: ast.AST, where: Where) -> Iterator[Place]:
    """Every node that may change, and where it hangs; no docstrings, types, words for people."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or is_wording(node, child):
                continue
            inner = where.inside(child)
            if hasattr(child, "lineno") and not isinstance(child, ast.FunctionDef | ast.ClassDef):
                yield node, field, at, child, inner
            yield from places(child, inner)


def is_wording(node: ast.AST, child: ast.AST) -> bool:
    if isinstance(child, ast.JoinedStr):
        return True
    if isinstance(node, ast.Expr):  # a docstring
        return isinstance(child, ast.Constant)
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return name in WORDING and is_words(child)
    return isinstance(node, ast.Tuple) and is_words(child)


def is_words(node: ast.AST) -> bool:
    """Text with a space in it, also put together or in a pair with its line."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and " " in node.value
    return isinstance(node, ast.BinOp) and (is_words(node.left) or is_words(node.right))


# Running


class Runner:
    """A plugin of pytest: collects once, then runs each mutant in a fork."""

    def __init__(
        self, file: str, chosen: Callable[[Mutant, int], bool], *, kept: "Kept", until: float
    ) -> None:
        self.file, self.chosen, self.kept, self.until = file, chosen, kept, until
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
        for number, (mutant, tree) in enumerate(mutants(self.file)):
            is_noticed = self.kept.has(mutant)
            if not self.chosen(mutant, number):
                continue
            if time.monotonic() > self.until:
                break
            self.count += 1
            if is_noticed:
                continue
            names = set(seconds)
            if mutant.lines:
                names = {name for line in mutant.lines for name in contexts.get(line, [])}
            if trials.survives(changed_part(tree, mutant), self.file, names):
                self.survivors.append(mutant)
                print(f"{self.file}:{mutant.line}: {mutant.name}", flush=True)
            else:
                self.kept.add(mutant)
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
        chosen.sort(key=lambda at: self.seconds[self.items[at].nodeid] / (1 + self.found[at]))
        self.finder[:] = bytes(4)
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
        runner = Runner(file, chosen, kept=Kept(options.keep, file), until=until)
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


class Kept:
    """Mutants that earlier runs noticed: still noticed while their function is as it was.

    Survivors are not kept, since a new test may find them. Tests that are taken away need a new
    file of results.
    """

    def __init__(self, path: Path | None, file: str) -> None:
        self.path, self.file = path, file
        self.stored = set(path.read_text("utf-8").split("\n")) if path and path.exists() else set()
        self.times: dict[str, int] = {}
        self.functions = functions_of(ast.parse((ROOT / file).read_text(encoding="utf-8")))

    def has(self, mutant: Mutant) -> bool:
        # The same change may be possible twice in a statement.
        self.times[mutant.name] = self.times.get(mutant.name, 0) + 1
        return self._line(mutant) in self.stored

    def add(self, mutant: Mutant) -> None:
        if self.path:
            with self.path.open("a", encoding="utf-8") as results:
                results.write(self._line(mutant) + "\n")

    def _line(self, mutant: Mutant) -> str:
        text = self.functions.get(mutant.function, "")
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return f"{self.file} {digest} {self.times[mutant.name]} {mutant.name}"


def functions_of(node: ast.AST, outer: str = "") -> dict[str, str]:
    """The text of each function by its name."""
    texts = {}
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            texts |= functions_of(child, f"{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            texts[outer + child.name] = ast.unparse(child)
    return texts


if __name__ == "__main__":
    sys.exit(main())
