"""Notes on callers and reasons of complaints, and their part of the event line."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncHour
from django.utils.translation import gettext_lazy as _

from events.enums import ComplaintReason
from events.kinds import Kind
from events.models import CallerNote, Complaint
from events.sources import Source

# The note itself is for staff and not for reading out.
KINDS = [
    Kind(
        "complained",
        _("complained: %(reason)s"),
        {"reason": lambda value: ComplaintReason(value).label},
    ),
]
SQL = """
SELECT at, 'complained', NULL::bigint, by, jsonb_build_object('reason', reason)
FROM events_complaint WHERE person_id = %(person)s
"""
SOURCE = Source("callers", KINDS, SQL)


def add_note(*, person_id: int, text: str, by: str) -> CallerNote:
    return CallerNote.objects.create(person_id=person_id, text=text, by=by)


def record_complaint(
    *, person_id: int, reason: ComplaintReason, by: str, region: str = "", district: str = ""
) -> Complaint:
    return Complaint.objects.create(
        person_id=person_id, reason=reason, by=by, region=region, district=district
    )


def count_by_hour(complaints: QuerySet[Complaint]) -> list[tuple[datetime, str, int]]:
    """(hour, reason, number), in order; hours without any are left out."""
    counted = (
        complaints.annotate(hour=TruncHour("at"))
        .values("hour", "reason")
        .annotate(number=Count("pk"))
        .order_by("hour", "reason")
    )
    return [(row["hour"], row["reason"], row["number"]) for row in counted]


def with_notes(person_ids: Iterable[int]) -> set[int]:
    """Those of these people about whom staff wrote a note."""
    notes = CallerNote.objects.filter(person_id__in=list(person_ids))
    return set(notes.values_list("person_id", flat=True))


def forget_notes(person_ids: Iterable[int]) -> None:
    """Destroy the texts of the notes on these people."""
    CallerNote.objects.filter(person_id__in=list(person_ids)).update(text=None)
