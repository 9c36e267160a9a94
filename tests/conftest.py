import os
from contextlib import ExitStack

import django_ratelimit.core
import pytest
from django.core.cache import caches
from django.db import connection
from django.test import TransactionTestCase, override_settings
from django.utils import translation
from hypothesis import settings

from booking.finder import availability
from config import home, own_pages
from config.gc_tuning import leave_loaded_alone
from outside import redis
from tests import migrated_database, unknown_variables
from tests.clock import clock as the_clock
from tests.emptied_tables import empty_tables
from tests.nursery import nursery
from tests.rate_windows import RateWindows
from tests.redis_databases import empty_redis
from tests.roles import every_connection_as_the_application
from tests.scene_once import made_once
from tests.staff.signing_in import StaffClient
from web import moulds

# A busy machine is no finding. In CI Hypothesis takes a profile of its own that says the same.
if not os.environ.get("CI"):
    settings.register_profile("jari", deadline=None)
    settings.load_profile("jari")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    leave_loaded_alone()  # a sixth of the time of migrating
    migrated_database.take()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        migrated_database.give()
        the_clock.install(django_db_blocker)
    with every_connection_as_the_application(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _test: empty_tables())
        yield
    with django_db_blocker.unblock():
        _end_other_sessions()


def _end_other_sessions() -> None:
    """Of threads and processes of the last tests, which may be ending still: while there is one
    the database can't be dropped."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
    # After tests with a browser it is not the one that is closed before dropping.
    connection.close()


@pytest.fixture(scope="session", autouse=True)
def _templates_know_their_variables():
    with pytest.MonkeyPatch.context() as patch:
        unknown_variables.install(patch)
        yield


@pytest.fixture(autouse=True)
def _time_goes_on():
    yield
    the_clock.reset()


@pytest.fixture
def clock():
    """Moves Python's clock and the database's at once."""
    return the_clock


@pytest.fixture(scope="module")
def make_once(request, tmp_path_factory, django_db_setup, django_db_blocker):
    """`make_once(scene)`, of a fixture of a module: what `scene(clock)` gave, and when it ended."""
    if "_moment" in request.fixturenames:
        request.getfixturevalue("_moment")  # of `make hours`: at the next one it is made anew
    home = tmp_path_factory.mktemp("scene")
    with ExitStack() as stack, override_settings(HOME=home):
        yield lambda scene: stack.enter_context(made_once(scene, the_clock, django_db_blocker))


@pytest.fixture(scope="module")
def programs():
    with nursery() as programs:
        yield programs


@pytest.fixture
def client() -> StaffClient:
    return StaffClient()


@pytest.fixture
def contexts(monkeypatch):
    """Has each page rendered by its template, so that a test can read its context (web.moulds)."""
    monkeypatch.setattr(moulds, "enabled", False)


@pytest.fixture(autouse=True)
def _environment_stays(monkeypatch):
    """The next test would run in what this one left, and no other order of them would."""
    before = dict(os.environ)
    yield
    monkeypatch.undo()  # pytest-django made it before us, so that it would be too late
    left = {
        name
        for name in before.keys() | os.environ.keys()
        if before.get(name) != os.environ.get(name) and name != "PYTEST_CURRENT_TEST"
    }
    for name in left:
        os.environ.pop(name, None)
        os.environ.update({name: before[name]} if name in before else {})
    assert not left, "take monkeypatch.setenv, which puts it right again"


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    """What one test leaves in this process and in Redis must not be seen by the next: its clinics,
    its jobs, how often it tried something, the language of its last request."""
    availability.clear_caches()
    for cache in (home.lines, own_pages.cohorts):
        monkeypatch.setattr(cache, "_seconds", 0)
    translation.deactivate()
    redis.breaker.reset()
    caches["local"].clear()
    empty_redis()
    monkeypatch.setattr(django_ratelimit.core, "_get_window", RateWindows())
    # Postgres guesses how many rows it must read by the pages that earlier tests have left.
    for module in ("reports.admin.pages", "reports.views"):
        monkeypatch.setattr(f"{module}.MOST_AT_ONCE", 10**9)
    yield
    availability.clear_caches()
