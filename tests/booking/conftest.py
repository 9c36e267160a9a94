import pytest
from django.db import connection

from booking.models import Slot
from booking.verifying import verify
from database import functions
from tests.booking.family import Family
from tests.booking.test_path import browser_of
from tests.factories import AdmissionFactory
from tests.roles import as_owner


@pytest.fixture
def inside():
    """A browser of a person from 서울 강남구 who was called and entered, in English."""
    return browser_of(AdmissionFactory())


@pytest.fixture
def family() -> Family:
    return Family()


@pytest.fixture
def every_invariant_holds():
    """What the test leaves behind is what `verify_bookings` accepts."""
    yield
    assert [result.invariant.name for result in verify() if result.broken] == []


@pytest.fixture
def nothing_but_locks(transactional_db):
    """The table itself does not refuse what overbooks it: for the careless twins of races."""
    [check] = [one for one in Slot._meta.constraints if one.name == "slot_never_overbooked"]
    with as_owner(), connection.schema_editor() as editor:
        editor.remove_constraint(Slot, check)
    yield
    with as_owner():
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE booking_slot, booking_reservation CASCADE")
        with connection.schema_editor() as editor:
            editor.add_constraint(Slot, check)


@pytest.fixture(params=["fast", "careful"])
def both_paths_of_a_hold(request, monkeypatch):
    """Runs a test twice: as it is, and with every hold left to the careful path.

    The function booking_hold_at_once and `holds._hold_carefully` decide the same; what holds them
    together are the tests that run with both.
    """
    if request.param == "careful":
        call = functions.call

        def without_the_fast_path(function, values):
            return None if function == "booking_hold_at_once" else call(function, values)

        monkeypatch.setattr(functions, "call", without_the_fast_path)
