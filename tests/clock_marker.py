"""Marks as `clock` each test that speaks of a time of day or of a day, for `make hours`.

Found by the names in the test, in the fixtures it uses and in the helpers of tests/ that these
call, so that a new test can't be forgotten.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from types import CodeType, FunctionType
from typing import Any

import pytest

# Names of fixtures, functions, attributes, variables and keywords.
WORDS = {
    *("clock", "time_machine", "travel", "known_today", "localdate", "localtime", "today"),
    *("tomorrow", "yesterday", "midnight", "noon", "combine", "day", "hour", "weekday"),
    *("day_of", "day_bounds", "starts_at", "starts_on", "remind_on"),
}
# Browser and launcher go by the machine's clock; a storm is slow, and the same at any hour.
ELSEWHERE = re.compile(r"tests/(browser|launcher)/|storm\.py$")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if ELSEWHERE.search(item.path.as_posix()) or not isinstance(item, pytest.Function):
            continue
        if any(speaks_of_time(function) for function in _functions_of(item)):
            item.add_marker("clock")


def _functions_of(item: pytest.Function) -> Iterator[Callable[..., Any]]:
    """The test and the fixtures it asks for; those for every test say nothing about this one."""
    yield item.function
    known = item._fixtureinfo.name2fixturedefs
    waiting, seen = list(item._fixtureinfo.argnames), set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            for definition in known.get(name, ()):
                waiting += definition.argnames
                yield definition.func


def speaks_of_time(made: Callable[..., Any]) -> bool:
    """Whether a function or class names a clock, itself or by what it calls within tests/."""
    seen: set[Any] = set()
    waiting: list[Any] = [made]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            names, called = _names_and_calls(one)
            if names & WORDS:
                return True
            waiting += called
    return False


@cache
def _names_and_calls(made: Any) -> tuple[frozenset[str], list[Any]]:
    names: set[str] = set()
    called: list[Any] = []
    for function in _functions_in(made):
        words = set(_words(function.__code__))
        names |= words
        found = (function.__globals__.get(word) for word in words)
        called += [one for one in found if _is_ours(one)]
    return frozenset(names), called


def _functions_in(made: Any) -> Iterator[FunctionType]:
    members = vars(made).values() if inspect.isclass(made) else [made]
    for member in members:
        function = inspect.unwrap(getattr(member, "__func__", member))
        if isinstance(function, FunctionType):
            yield function


def _is_ours(made: Any) -> bool:
    module = getattr(made, "__module__", None) or ""
    return callable(made) and module.startswith("tests.") and hasattr(made, "__name__")


def _words(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    yield from code.co_varnames
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)
        elif isinstance(constant, tuple):  # of keywords, among others
            yield from (word for word in constant if isinstance(word, str))
