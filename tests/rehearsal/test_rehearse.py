import threading
from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from booking.models import Reservation
from waiting_room.models import Ticket
from waiting_room.services import tick_rooms


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


@pytest.mark.django_db(transaction=True)
def test_a_crowd_books_over_http_and_every_promise_is_kept(
    small_sample, live_server, request, tmp_path, settings
):
    settings.HOME = tmp_path
    small_sample.load()
    before = Counter(Reservation.objects.values_list("status", flat=True))
    request.getfixturevalue("ticking")
    out = StringIO()

    call_command("rehearse", citizens=6, over=1, host=live_server.url, patience=240, stdout=out)

    report = out.getvalue()
    assert "Every promise was kept." in report
    booked = int(report.split("booked")[1].split()[0])
    assert booked > 0
    assert Ticket.objects.filter(room__cohort__code="55-59").count() == 6
    # People who are offered a second dose with the first hold two.
    after = Counter(Reservation.objects.values_list("status", flat=True))
    assert after["confirmed"] - before["confirmed"] >= booked
