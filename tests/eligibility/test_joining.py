"""What joining owes to a decision: also one that came after the person signed in."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from eligibility.models import Decision
from eligibility.services import store_decisions
from tests.factories import PersonFactory, RoomFactory
from waiting_room.exceptions import NotEligible, NotYetJoinable
from waiting_room.services import issue_ticket

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
    room, person = RoomFactory(), PersonFactory()
    now = timezone.now()
    Decision.objects.create(
        person=person,
        cohort=room.cohort,
        eligible=True,
        rule="born",
        window_from=now + timedelta(hours=1),
        window_to=now + timedelta(hours=20),
    )

    with pytest.raises(NotYetJoinable):
        issue_ticket(room=room, person_id=person.pk)
    Decision.objects.update(window_from=now - timedelta(seconds=1))

    assert issue_ticket(room=room, person_id=person.pk).entry == 1
