"""Small changes of a Python module's syntax tree, one at a time: what bench/mutants.py runs."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


def mutants_of(root: Path, file: str) -> Iterator[tuple[Mutant, ast.Module]]:
    """Each mutant with its tree, which holds the change until the next one is asked for."""
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
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
    if isinstance(node, ast.keyword) and node.arg in ("help", "description", "epilog"):
        return is_words(child)
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


def functions_of(node: ast.AST, outer: str = "") -> dict[str, str]:
    """The text of each function by its name."""
    texts = {}
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            texts |= functions_of(child, f"{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            texts[outer + child.name] = ast.unparse(child)
    return texts
