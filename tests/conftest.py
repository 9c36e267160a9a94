import os

import pytest
from hypothesis import settings

from booking import availability

# A busy machine is no finding. In CI Hypothesis takes a profile of its own that says the same.
if not os.environ.get("CI"):
    settings.register_profile("jari", deadline=None)
    settings.load_profile("jari")


@pytest.fixture(autouse=True)
def _nothing_kept():
    """What this process keeps of one test's clinics must not be seen by the next."""
    availability.forget()
    yield
    availability.forget()
