"""Runs the tests that go by a clock at the moments of `make hours`, which loads this plugin.

What speaks of a time of day or of a day runs at every moment; the cases of a parametrized test
share the moments, so that each has a case of it; races, and tests that begin by setting the clock,
run at one, whichever their name draws.
`--everywhere` runs all of these at every moment, with them tests that only make rows "an hour
ago"; `--at 23:40` runs only the moments so named.
"""

import os
import shutil
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.db import connections

from launcher.hours import (
    LIBRARY,
    MOMENTS,
    SHIFT_FILE,
    UNUSED_URLS,
    Moment,
    set_clock,
    shifted_clock,
)
from tests.clock_marker import depends_on_hour, reads_clock, sets_clock_first
from tests.waiting import until

A_RUN = timedelta(minutes=10)  # a clock that was not set is hours away
PATIENCE_SECONDS = 30
_results: dict[str, Counter[str]] = {str(moment): Counter() for moment in MOMENTS}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("moments")
    group.addoption("--everywhere", action="store_true", help="every test at every moment")
    group.addoption("--at", default="", help="only at moments whose names have this in them")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        _take_own_clock(worker)
    elif early_config.known_args_namespace.numprocesses:
        shift = Path(os.environ["TMPDIR"], "shift")
        set_clock(shift, MOMENTS[0].at)
        os.environ.update(shifted_clock(os.environ[LIBRARY], shift))  # of our workers
    else:
        raise pytest.UsageError("Workers go by a shifted clock, and here are none: -n 1 or more.")
    return (yield)


def _take_own_clock(worker: str) -> None:
    """Each worker is at a moment of its own, with the servers that tests/services.py starts."""
    own = f"{os.environ[SHIFT_FILE]}-{worker}"
    shutil.copy(os.environ[SHIFT_FILE], own)
    os.environ[SHIFT_FILE] = own
    for name in UNUSED_URLS:
        del os.environ[name]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    item, options = metafunc.definition, metafunc.config.option
    if depends_on_hour(item) or (options.everywhere and reads_clock(item)):
        at_all = options.everywhere or not (_is_slow(item) or sets_clock_first(item))
        chosen = [one for one in moments_of(item.nodeid, at_all) if options.at in str(one)]
        if chosen:
            metafunc.parametrize("_moment", chosen, ids=str, indirect=True, scope="session")


def moments_of(name: str, at_all: bool) -> list[Moment]:
    return MOMENTS if at_all else [MOMENTS[zlib.crc32(name.encode()) % len(MOMENTS)]]


def _is_slow(item: pytest.Function) -> bool:
    """Races on several connections, which use the same rules as the others at every hour, and what
    says so of itself."""
    races = any(mark.kwargs.get("transaction") for mark in item.iter_markers("django_db"))
    return races or "transactional_db" in item.fixturenames or any(item.iter_markers("one_moment"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One moment after the other, and no way back in time; what has no moment is left out."""
    with_moment = [item for item in items if _has_moment(item)]
    chosen = with_moment if config.option.everywhere else list(shared_out(with_moment))
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = sorted(chosen, key=lambda item: MOMENTS.index(_moment_of(item)))


def _has_moment(item: pytest.Item) -> bool:
    return "_moment" in getattr(getattr(item, "callspec", None), "params", {})


def shared_out(items: list[Any]) -> Iterator[Any]:
    """Of a test at every moment, each case at some of them: max(cases, moments) items a test."""
    cases: dict[str, dict[Any, int]] = defaultdict(dict)
    moments: dict[str, set[int]] = defaultdict(set)
    for item in items:
        numbers = cases[_test_of(item)]
        numbers.setdefault(_case_of(item), len(numbers))
        moments[_test_of(item)].add(MOMENTS.index(_moment_of(item)))
    for item in items:
        numbers = cases[_test_of(item)]
        shares = min(len(numbers), len(MOMENTS))
        number, moment = numbers[_case_of(item)], MOMENTS.index(_moment_of(item))
        if len(moments[_test_of(item)]) < len(MOMENTS) or number % shares == moment % shares:
            yield item


def _test_of(item: Any) -> str:
    return item.nodeid.partition("[")[0]


def _case_of(item: Any) -> tuple[tuple[str, int], ...]:
    indices = item.callspec.indices.items()
    return tuple(sorted((name, index) for name, index in indices if name != "_moment"))


def _moment_of(item: pytest.Item) -> Moment:
    return item.callspec.params["_moment"]


@pytest.fixture(scope="session", autouse=True)
def _moment(request: pytest.FixtureRequest) -> Moment:
    """Postgres, Valkey and this process at the moment, as if they had just been started."""
    from database import clock as database_clock  # it needs the settings, which need the servers

    moment: Moment = request.param
    set_clock(Path(os.environ[SHIFT_FILE]), moment.at)
    connections.close_all()
    until(
        lambda: all(abs(now - moment.at) < A_RUN for now in _clocks()),
        patience=PATIENCE_SECONDS,
        why=f"The clocks do not come to {moment}.",
    )
    redis.Redis.from_url(os.environ["REDIS_URL"]).flushall()
    database_clock._measured = None
    return moment


def _clocks() -> Iterator[datetime]:
    yield datetime.now(UTC)
    with psycopg.connect(os.environ["DATABASE_URL"]) as postgres:
        yield postgres.execute("SELECT clock_timestamp()").fetchone()[0]
    seconds, _microseconds = redis.Redis.from_url(os.environ["REDIS_URL"]).time()
    yield datetime.fromtimestamp(seconds, UTC)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    report.moment = str(_moment_of(item))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        _results[report.moment][report.outcome] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("moments in Seoul")
    for moment in MOMENTS:
        told = ", ".join(f"{count} {what}" for what, count in _results[str(moment)].items())
        terminalreporter.write_line(f"{moment}  {told or 'nothing'}  ({moment.why})")
