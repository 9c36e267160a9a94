import pytest
from django.core.cache import caches


@pytest.fixture(autouse=True)
def _fresh_limits():
    """Counts of one test are not those of the next."""
    caches["default"].clear()
    caches["local"].clear()
