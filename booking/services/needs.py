"""What people on the cancellation list need at a clinic, compared while an offer is made.

Needs are encrypted, as they tell of a person's health: no statement can compare them with the
facilities of a clinic, and nothing stores the result. They are the newest wishes of a person,
also those changed after joining the list.
"""

from collections.abc import Iterable

from django.db import connection

from booking.areas import KEYS_OF_CLINIC
from booking.models import Wish

# Entries that this clinic's times could be offered to, of people who need something.
NEEDING = f"""
SELECT entry.id, wish.needs, clinic.facilities
FROM booking_clinic AS clinic
JOIN booking_listentry AS entry ON entry.status = 'waiting' AND entry.places && {KEYS_OF_CLINIC}
JOIN booking_wish AS wish ON wish.person_id = entry.person_id AND wish.needs IS NOT NULL
WHERE clinic.id = %s
"""  # noqa: S608


def read(sealed: bytes | None) -> str | None:
    """Codes of Facility with blanks between, as a statement of our own brings them."""
    text: str | None = Wish._meta.get_field("needs").from_db_value(sealed, None, None)
    return text


def are_met(sealed: bytes | None, facilities: Iterable[str]) -> bool:
    return set((read(sealed) or "").split()) <= set(facilities)


def unmet_at(clinic_id: int) -> list[int]:
    """The waiting entries whose people need what this clinic lacks."""
    with connection.cursor() as cursor:
        cursor.execute(NEEDING, [clinic_id])
        rows = cursor.fetchall()
    return [entry for entry, sealed, facilities in rows if not are_met(sealed, facilities)]


def of_person(person_id: int) -> list[str]:
    needs = Wish.objects.filter(person=person_id).values_list("needs", flat=True).first()
    return (needs or "").split()
