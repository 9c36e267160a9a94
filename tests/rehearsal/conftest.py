import threading

import pytest
from django.db import connection

from rehearsal.sample import campaign
from rehearsal.sample.people import Years
from waiting_room.services.ticking import tick_rooms

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


@pytest.fixture
def ticking():
    """The worker's part: a tick every so often until the test is over."""
    over = threading.Event()

    def work():
        while not over.wait(0.3):
            tick_rooms()
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    yield
    over.set()
    worker.join()
