import threading
from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from booking.models import Reservation
from tests.rehearsal import leaks
from waiting_room.models import Room, Ticket
from waiting_room.services.ticking import tick_rooms


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
    small_sample, live_server, request, tmp_path, settings, client
):
    settings.HOME = tmp_path
    small_sample.load()
    before = Counter(Reservation.objects.values_list("status", flat=True))
    request.getfixturevalue("ticking")
    room = Room.objects.get(cohort__code="55-59")
    numbers = room.max_active, room.max_per_minute
    out = StringIO()

    with leaks.logged() as lines:
        call_command(
            "rehearse",
            citizens=6,
            over=1,
            pace=600,
            cap=50,
            host=live_server.url,
            patience=240,
            stdout=out,
        )

    report = out.getvalue()
    assert "6 of 6 came | 0 signing in, 0 in the line, 0 booking, 6 through" in report
    assert "has its numbers again: " in report
    assert "Every promise was kept." in report
    booked = int(report.split("booked")[1].split()[0])
    assert booked > 0
    room.refresh_from_db()
    assert (room.max_active, room.max_per_minute) == numbers
    assert Ticket.objects.filter(room__cohort__code="55-59").count() == 6
    # People who are offered a second dose with the first hold two.
    after = Counter(Reservation.objects.values_list("status", flat=True))
    assert after["confirmed"] - before["confirmed"] >= booked

    # And nothing that the evening leaves behind names anybody.
    left = {
        "log": lines.getvalue(),
        "redis": leaks.in_redis(),
        "files": leaks.in_files(tmp_path),
        "report": report,
        "metrics": client.get("/metrics").content.decode(),
        "status": client.get("/status/").content.decode(),
        "error page": client.get("/nothing/").content.decode(),
    }
    assert all(left.values())
    people = leaks.secrets()
    assert len(people) > 500
    assert {
        (place, person) for place, text in left.items() for person in people if person in text
    } == set()
