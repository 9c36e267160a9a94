from functools import partial

import pytest
from django.db import connection

from eligibility.models import Person
from messaging.models import Message
from privacy import rotation
from privacy.rotation import encrypted_columns, rotate
from tests.concurrency import at_once
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db

OLD, NEW = (1, b"o" * 32), (2, b"n" * 32)


def keys_in_use(table: str, column: str) -> set[int]:
    with connection.cursor() as cursor:
        query = f"SELECT DISTINCT get_byte({column}, 0) FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}


def test_rotation_reaches_every_encrypted_column_of_the_portal():
    names = {f"{model._meta.label}.{field.name}" for model, field in encrypted_columns()}

    assert {
        "eligibility.Person.name",
        "eligibility.Person.birth_date",
        "eligibility.Person.phone",
        "eligibility.Review.note",
        "messaging.Message.to",
        "messaging.Message.text",
        "waiting_room.Room.draw_secret",
        "booking.Reservation.email",
    } <= names


def test_after_a_rotation_the_old_key_can_be_taken_out(settings, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 2)
    settings.DATA_KEYS = [OLD]
    people = PersonFactory.create_batch(5)
    names = [person.name for person in people]
    Message.objects.create(key="k", kind="code", channel="sms", to="+821000000000", text="텍스트")
    settings.DATA_KEYS = [NEW, OLD]
    PersonFactory()

    first, again = rotate(), rotate()

    settings.DATA_KEYS = [NEW]
    assert (first, again) == (5 * 3 + 2, 0)
    assert keys_in_use("eligibility_person", "name") == {2}
    assert [person.name for person in Person.objects.order_by("pk")[:5]] == names
    assert Message.objects.get().text == "텍스트"


@pytest.mark.django_db(transaction=True)
def test_a_value_that_changes_meanwhile_is_not_overwritten(settings):
    settings.DATA_KEYS = [OLD]
    person = PersonFactory(name="before")
    settings.DATA_KEYS = [NEW, OLD]

    def rename():
        Person.objects.filter(pk=person.pk).update(name="after")

    at_once([rename, partial(rotate)])

    assert Person.objects.get().name == "after"
    rotate()
    assert keys_in_use("eligibility_person", "name") == {2}
