"""Marks as `clock` each test that depends on the time of day or the date, for `make hours`.

Recognized by names in the test, in its fixtures and in the helpers of tests/ that these call, so
that new tests are marked too.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from types import CodeType, FunctionType
from typing import Any

import pytest

# Names of functions, attributes, variables and keywords: of times of day and dates, and of what
# moves the clock to one.
DAYS = {
    *("known_today", "localdate", "localtime", "today", "tomorrow", "yesterday", "midnight"),
    *("noon", "combine", "day", "hour", "weekday", "day_of", "day_bounds", "starts_at"),
    *("starts_on", "remind_on", "freeze", "move_to", "forward", "call_at", "node_ahead"),
}
# Names of what only reads the clock, as factories do whose rows began an hour ago.
INSTANTS = {"clock", "now", "database_now", "known_now"}
# Browser and launcher use the machine's clock; storms, fuzzing, state machines and the table of
# addresses are slow and don't depend on the hour.
ELSEWHERE = re.compile(
    r"tests/(browser|launcher)/|(storm|test_no_500|test_any_order|test_address_table)\.py$"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and reads_clock(item):
            item.add_marker("clock")


def reads_clock(item: pytest.Function) -> bool:
    return not ELSEWHERE.search(item.path.as_posix()) and _names(item, DAYS | INSTANTS)


def depends_on_hour(item: pytest.Function) -> bool:
    """Whether a test may depend on the hour: it names a time of day or date, or moves the clock."""
    return "clock" in item.fixturenames or _names(item, DAYS)


def sets_clock_first(item: pytest.Function) -> bool:
    """Whether the test, or a fixture of it, begins with `clock.at(…)`, itself or in the helper that
    it calls first: it is that hour whenever it runs."""
    return any(begins_at(function) for function in _functions_of(item))


def begins_at(code: Callable[..., Any]) -> bool:
    visited: set[Any] = set()
    while isinstance(code, FunctionType) and code not in visited:
        visited.add(code)
        function = inspect.unwrap(code)
        first = next(iter(function.__code__.co_names), "")
        if first == "at":
            return True
        code = function.__globals__.get(first)
    return False


def _names(item: pytest.Function, words: set[str]) -> bool:
    return any(names_any(function, words) for function in _functions_of(item))


def _functions_of(item: pytest.Function) -> Iterator[Callable[..., Any]]:
    """The test and the fixtures that it names, without autouse ones, which every test has."""
    yield item.function
    definitions = item._fixtureinfo.name2fixturedefs
    waiting, visited = list(item._fixtureinfo.argnames), set()
    while waiting:
        name = waiting.pop()
        if name not in visited:
            visited.add(name)
            for definition in definitions.get(name, ()):
                waiting += definition.argnames
                yield definition.func


def names_any(code: Callable[..., Any], words: set[str]) -> bool:
    """Whether a function or class names one of `words`, itself or in what it calls in tests/."""
    return not words.isdisjoint(_all_names(code))


@cache
def _all_names(code: Callable[..., Any]) -> frozenset[str]:
    all_names: set[str] = set()
    visited: set[Any] = set()
    waiting: list[Any] = [code]
    while waiting:
        current = waiting.pop()
        if current not in visited:
            visited.add(current)
            names, called = _names_and_calls(current)
            all_names |= names
            waiting += called
    return frozenset(all_names)


@cache
def _names_and_calls(code: Any) -> tuple[frozenset[str], list[Any]]:
    names: set[str] = set()
    called: list[Any] = []
    for function in _functions_in(code):
        words = set(_words(function.__code__))
        names |= words
        values = (function.__globals__.get(word) for word in words)
        called += [value for value in values if _is_helper(value)]
    return frozenset(names), called


def _functions_in(code: Any) -> Iterator[FunctionType]:
    members = vars(code).values() if inspect.isclass(code) else [code]
    for member in members:
        function = inspect.unwrap(getattr(member, "__func__", member))
        if isinstance(function, FunctionType):
            yield function


def _is_helper(value: Any) -> bool:
    module = getattr(value, "__module__", None) or ""
    return callable(value) and module.startswith("tests.") and hasattr(value, "__name__")


def _words(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    yield from code.co_varnames
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)
        elif isinstance(constant, tuple):  # of keywords, among others
            yield from (word for word in constant if isinstance(word, str))
