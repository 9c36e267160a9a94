"""A new reservation is made alike by the fast path in SQL and by the services."""

import uuid

import pytest
from django.utils import timezone, translation

from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from booking.services.reservations import new_reservation
from tests.factories import AdmissionFactory, SlotFactory
from tests.holding import hold_slot


def test_a_new_reservation_is_held_in_the_language_in_use():
    now, key = timezone.now(), uuid.uuid4()

    with translation.override("en"):
        made = new_reservation(person_id=1, slot_id=2, dose=1, by="system", now=now, key=key)

    assert (made.status, made.language, made.key) == ("held", "en", key)
    assert (made.created_at, made.changed_at, len(made.number)) == (now, now, NUMBER_LETTERS)


@pytest.mark.django_db
def test_the_fast_path_writes_what_python_would(clock):
    admission, slot, now = AdmissionFactory(), SlotFactory(), clock.freeze()
    person_id = admission.ticket.person_id

    [held] = hold_slot(person_id=person_id, slot_id=slot.pk, admission_id=admission.pk)

    stored = Reservation.objects.get(pk=held.pk)
    made = new_reservation(
        person_id=person_id,
        slot_id=slot.pk,
        admission_id=admission.pk,
        dose=1,
        by="citizen",
        now=now,
        key=stored.key,
        number=stored.number,
        held_until=stored.held_until,
        pk=stored.pk,
    )
    for field in Reservation._meta.concrete_fields:
        assert getattr(made, field.attname) == getattr(stored, field.attname), field.name
