import pytest

from rehearsal.sample import campaign
from rehearsal.sample.people import Years

SMALL = {
    "55-59": Years(1962, 1966, 80),
    "53-54": Years(1967, 1968, 20),
    "50-52": Years(1969, 1971, 20),
    "60-74": Years(1947, 1961, 20),
}


@pytest.fixture
def small_sample(settings, monkeypatch):
    """The sample campaign, with fewer clinics and people; loaded by the test that wants it."""
    settings.SAMPLE = True
    monkeypatch.setattr(campaign, "SPANS", SMALL)
    monkeypatch.setattr(campaign, "CLINICS", 6)
    monkeypatch.setattr(campaign, "WAITING", 5)
    return campaign
