"""A throw-away Postgres and Valkey for one test run, unless the environment brings its own.

Loaded by `-p tests.services` (pyproject.toml), so that the addresses stand in the environment
before Django reads its settings. Workers of pytest-xdist inherit them."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from launcher.errors import LauncherError
from launcher.throwaway import ThrowawayServices

OURS = "JARI_TEST_SERVICES"  # which variables were set here


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        _take_own_redis_database(int(worker.removeprefix("gw")))
    elif not early_config.known_args_namespace.help:
        _start(early_config)
    return (yield)


def _start(config: pytest.Config) -> None:
    services = ThrowawayServices()
    try:
        services.__enter__()
    except LauncherError as trouble:
        raise pytest.UsageError(str(trouble)) from trouble
    os.environ.update(services.urls)
    os.environ[OURS] = " ".join(services.urls)

    def stop() -> None:
        services.stop()
        for name in [*services.urls, OURS]:
            os.environ.pop(name, None)

    config.add_cleanup(stop)


def _take_own_redis_database(number: int) -> None:
    """Only on our own server, which has enough of them. The cache takes the one after it."""
    if "REDIS_URL" in os.environ.get(OURS, "").split():
        address = urlsplit(os.environ["REDIS_URL"])
        os.environ["REDIS_URL"] = address._replace(path=f"/{2 * number + 2}").geturl()
