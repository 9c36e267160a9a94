import pytest
from django.db import connection

from booking.models import Slot
from booking.verifying import verify


@pytest.fixture
def every_invariant_holds():
    """What the test leaves behind is what `verify_bookings` accepts."""
    yield
    assert [answer.question.name for answer in verify() if answer.broken] == []


@pytest.fixture
def nothing_but_locks(transactional_db):
    """The table itself does not refuse what overbooks it: for the careless twins of races."""
    [check] = [one for one in Slot._meta.constraints if one.name == "slot_never_overbooked"]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Slot, check)
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE booking_slot, booking_reservation CASCADE")
    with connection.schema_editor() as editor:
        editor.add_constraint(Slot, check)
