"""What a mistaken record of a dose cancelled, and nobody could bring back: seen to by staff."""

from datetime import datetime, time, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from ..enums import ON_THE_LIST
from ..exceptions import NoFirstDose, OnTheListAlready
from ..models import Freed, Jab, Reservation, Wish
from ..rules import day_of
from .holds import course_of
from .offers import clinic_key, join_list, offer_to, place_key

# Who has not been helped by then has found another way.
SHOWN = timedelta(days=30)
WISHED = timedelta(days=14)
FIRST = 1


def lost_appointments(*, now: datetime | None = None) -> QuerySet[Freed]:
    """Those whose people have nothing instead yet, the newest first."""
    since = (now or timezone.now()) - SHOWN
    same_dose = {"person": OuterRef("reservation__person"), "dose": OuterRef("reservation__dose")}
    given = Jab.objects.filter(
        Q(dose__gte=OuterRef("reservation__dose")) | Q(dose__gte=F("vaccine__doses")),
        person=OuterRef("reservation__person"),
    )
    return (
        Freed.objects.filter(lost_at__gt=since, wish=None)
        .exclude(Exists(Reservation.objects.live().filter(**same_dose)))
        .exclude(Exists(given))
        .order_by("-lost_at", "reservation__dose")
    )


@transaction.atomic
def put_first(*, freed: Freed, by: str, now: datetime | None = None) -> Wish:
    """Put whoever lost an appointment first on the cancellation list, for its clinic and district.

    They had a place, and lost it by a mistake of ours. Asking again answers the same entry.
    Raises AlreadyBooked or NoFirstDose.
    """
    now = now or timezone.now()
    freed = Freed.objects.select_for_update(of=("self",), no_key=True).get(pk=freed.pk)
    if freed.wish:
        return freed.wish
    row = Reservation.objects.with_place().get(pk=freed.reservation_id)
    if row.dose > 1 and 1 not in course_of(row.person_id).doses:
        raise NoFirstDose
    clinic, today = row.slot.clinic, day_of(now)
    try:
        with transaction.atomic():
            freed.wish = join_list(
                person_id=row.person_id,
                admission_id=row.admission_id,
                dose=row.dose,
                places=[clinic_key(clinic.pk), place_key(clinic.region, clinic.district)],
                dates=(today, max(day_of(row.slot.starts_at), today + WISHED)),
                hours=(time(0), time(23, 59, 59)),
                vaccine_id=row.slot.vaccine_id,
                by=by,
                language=row.language,
                priority=FIRST,
            )
    except OnTheListAlready:
        freed.wish = _move_up(row)
    freed.save(update_fields=["wish"])
    return freed.wish


def _move_up(row: Reservation) -> Wish:
    """Whoever waits already keeps what they wished, and comes first."""
    waiting = Wish.objects.filter(person=row.person_id, dose=row.dose, status__in=ON_THE_LIST)
    wish = waiting.select_for_update(no_key=True).get()
    wish.priority = max(wish.priority, FIRST)
    wish.save(update_fields=["priority"])
    transaction.on_commit(lambda: offer_to(wish_id=wish.pk))
    return wish
