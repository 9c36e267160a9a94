import os

import pytest
from django.test import TransactionTestCase
from django.utils import translation
from hypothesis import settings

from booking.finder import availability
from outside import redis
from tests import unknown_variables
from tests.clock import clock as the_clock
from tests.roles import as_owner, every_connection_as_the_application
from tests.staff.signing_in import StaffClient

# A busy machine is no finding. In CI Hypothesis takes a profile of its own that says the same.
if not os.environ.get("CI"):
    settings.register_profile("jari", deadline=None)
    settings.load_profile("jari")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        the_clock.install(django_db_blocker)
    empty_tables = TransactionTestCase._fixture_teardown

    def empty_tables_as_owner(self):
        with as_owner():
            empty_tables(self)

    with every_connection_as_the_application(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables_as_owner)
        yield


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


@pytest.fixture
def client() -> StaffClient:
    return StaffClient()


@pytest.fixture(autouse=True)
def _nothing_kept():
    """What one test leaves in this process must not be seen by the next: its clinics, and the
    language of its last request."""
    availability.clear_caches()
    translation.deactivate()
    redis.breaker.reset()
    yield
    availability.clear_caches()
