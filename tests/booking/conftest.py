import pytest

from booking.verifying import verify


@pytest.fixture
def every_invariant_holds():
    """What the test leaves behind is what `verify_bookings` accepts."""
    yield
    assert [answer.question.name for answer in verify() if answer.broken] == []
