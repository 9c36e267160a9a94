import os

import pytest
from django.utils import translation
from hypothesis import settings

from booking.finder import availability

# A busy machine is no finding. In CI Hypothesis takes a profile of its own that says the same.
if not os.environ.get("CI"):
    settings.register_profile("jari", deadline=None)
    settings.load_profile("jari")


@pytest.fixture(autouse=True)
def _nothing_kept():
    """What one test leaves in this process must not be seen by the next: its clinics, and the
    language of its last request."""
    availability.forget()
    translation.deactivate()
    yield
    availability.forget()
