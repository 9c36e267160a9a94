"""A throw-away Postgres and Valkey for one test run, unless the environment names servers.

Loaded by `-p tests.services` (pyproject.toml), so that the URLs are in the environment before
Django reads its settings. Workers of pytest-xdist inherit them; those that inherit none start
services of their own (tests/moments.py)."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from launcher.errors import LauncherError
from launcher.throwaway import ThrowawayServices
from tests.roles import make_role

STARTED = "JARI_TEST_SERVICES"  # names of the variables that were set here
shared = False  # whether other workers use the Postgres that was started here


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and os.environ.get("REDIS_URL"):
        global shared
        shared = "DATABASE_URL" in os.environ.get(STARTED, "").split()
        _take_own_redis_database(int(worker.removeprefix("gw")))
    elif not early_config.known_args_namespace.help:
        _start(early_config)
    return (yield)


def _start(config: pytest.Config) -> None:
    services = ThrowawayServices()
    try:
        services.__enter__()
    except LauncherError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ.update(services.urls)
    os.environ[STARTED] = " ".join(services.urls)
    make_role()

    def stop() -> None:
        services.stop()
        for name in [*services.urls, STARTED]:
            os.environ.pop(name, None)

    config.add_cleanup(stop)


def _take_own_redis_database(number: int) -> None:
    """Two databases per worker: one for queues, the next for the cache. Only on a server that was
    started here, which has enough of them."""
    if "REDIS_URL" in os.environ.get(STARTED, "").split():
        address = urlsplit(os.environ["REDIS_URL"])
        os.environ["REDIS_URL"] = address._replace(path=f"/{2 * number + 2}").geturl()
