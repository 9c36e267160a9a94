"""What joining owes to a decision: also one that came after the person signed in."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from eligibility.models import Cohort, Decision
from eligibility.services.decisions import store_decisions
from tests.eligibility.signing_in import sign_in
from tests.factories import PersonFactory, RoomFactory
from waiting_room.exceptions import NotEligible, NotYetJoinable
from waiting_room.models import Ticket
from waiting_room.services.joining import issue_ticket

pytestmark = pytest.mark.django_db


def test_a_cohort_added_after_signing_in_can_be_joined():
    person = PersonFactory()
    store_decisions(person=person)
    room = RoomFactory()

    assert issue_ticket(room=room, person_id=person.pk).person_id == person.pk


def test_nobody_else_can_join_it():
    room = RoomFactory()
    outsider = PersonFactory(birth_date=date(1990, 1, 1))

    with pytest.raises(NotEligible):
        issue_ticket(room=room, person_id=outsider.pk)


def test_a_birth_digit_joins_from_its_own_day_on():
    """Whoever's day comes later in the week takes no number today."""
    room = RoomFactory()
    Cohort.objects.update(digit_hours=12)
    in_two_days = timezone.localtime(room.cohort.opens_at) + timedelta(days=2)
    person = PersonFactory(birth_date=date(1964, 10, in_two_days.day))
    store_decisions(person=person)

    with pytest.raises(NotYetJoinable):
        issue_ticket(room=room, person_id=person.pk)
    Decision.objects.update(window_from=timezone.now() - timedelta(seconds=1))

    assert issue_ticket(room=room, person_id=person.pk).entry == 1


def test_an_identity_proven_days_before_joins_with_one_click_at_the_opening(
    client, settings, clock
):
    """With one click, as long as the campaign lets it be good; the age is the server's matter."""
    settings.IDENTITY_DAYS = 14
    room, person = RoomFactory(), PersonFactory()
    now = timezone.now()
    clock.call_at(now - timedelta(days=13), sign_in, client=client, person=person)
    clock.move_to(now)
    joined = client.post(reverse("queue_join", args=[room.cohort.code]))
    clock.call_at(now - timedelta(days=15), sign_in, client=client, person=person)
    clock.move_to(now)
    too_old = client.get("/eligibility/")

    assert joined["Location"] == reverse("ticket", args=[Ticket.objects.get().pk])
    assert too_old["Location"].startswith("/identity/")
