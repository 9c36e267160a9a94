import re
from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from booking.models import Reservation
from eligibility.models import Person
from tests.rehearsal import leaks
from waiting_room.models import Room, Ticket

EVENING = """
title_ko = "모든 행동"
title_en = "Everything that citizens do"
[arrivals]
burst = 6
per_second = [0.1]
[room]
pace = 600
cap = 50
[times]
patience_minutes = 4
away_seconds = 1
[behaviours]
refresh_often = 0.3
lose_cookie = 0.3
other_device = 0.3
away_when_called = 0.3
abandon_hold = 0.1
wrong_cohort = 0.2
clock_changed = 0.5
double_submit = 0.5
"""


def pages_for_all() -> dict[str, str]:
    """What strangers and machines are shown, and a refusal of a person's own data."""
    strict = Client(enforce_csrf_checks=True)
    person = Person.objects.filter(tickets__isnull=False).order_by("pk")[0]
    typed = {"name": person.name, "phone": person.phone, "birth_date": person.birth_date}
    answers = {
        "metrics": strict.get("/metrics"),
        "status": strict.get("/status/"),
        "not found": strict.get("/nothing/"),
        "refused": strict.post("/identity/", typed),
    }
    assert [answer.status_code for answer in answers.values()] == [200, 200, 404, 403]
    return {name: answer.content.decode() for name, answer in answers.items()}


@pytest.mark.django_db(transaction=True)
def test_a_crowd_books_over_http_and_every_promise_is_kept(
    small_sample, live_server, request, tmp_path, settings
):
    settings.HOME = tmp_path
    small_sample.load()
    before = Counter(Reservation.objects.values_list("status", flat=True))
    request.getfixturevalue("ticking")
    room = Room.objects.get(cohort__code="55-59")
    numbers = room.max_active, room.max_per_minute
    out = StringIO()
    scenario = tmp_path / "evening.toml"
    scenario.write_text(EVENING)

    with leaks.logged() as lines:
        call_command(
            "rehearse",
            scenario=str(scenario),
            time_scale=30,
            patience=240,
            host=f"{live_server.url},{live_server.url}",
            processes=2,
            stdout=out,
        )
        pages = pages_for_all()

    report = out.getvalue()
    assert "12 of 12 came | 0 signing in, 0 in the line, 0 booking, 12 through" in report
    assert "has its numbers again: " in report
    assert "Every promise was kept." in report
    booked = int(re.search(r"^booked +(\d+)", report, re.MULTILINE)[1])
    assert booked > 0
    room.refresh_from_db()
    assert (room.max_active, room.max_per_minute) == numbers
    refused = int(report.split("refused, as they should")[1].split()[0])
    assert refused > 0
    assert Ticket.objects.filter(room__cohort__code="55-59").count() == 12 - refused
    assert [*tmp_path.glob("rehearsals/*/report.html")]
    # People who are offered a second dose with the first hold two.
    after = Counter(Reservation.objects.values_list("status", flat=True))
    assert after["confirmed"] - before["confirmed"] >= booked

    # And nothing that the evening leaves behind names anybody.
    left = {
        "log": lines.getvalue(),
        "redis": leaks.in_redis(),
        "files": leaks.in_files(tmp_path),
        "report": report,
        **pages,
    }
    assert all(left.values())
    people = leaks.secrets()
    assert len(people) > 500
    assert {
        (place, person) for place, text in left.items() for person in people if person in text
    } == set()
