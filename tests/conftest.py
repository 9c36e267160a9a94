import pytest

from booking import availability


@pytest.fixture(autouse=True)
def _nothing_kept():
    """What this process keeps of one test's clinics must not be seen by the next."""
    availability.forget()
    yield
    availability.forget()
