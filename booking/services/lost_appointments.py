"""What a mistaken record of a dose cancelled, and nobody could bring back: seen to by staff."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from booking.areas import keys_of
from booking.enums import ON_THE_LIST
from booking.exceptions import NoFirstDose, OnTheListAlready
from booking.models import ListEntry, LostAppointment, OutsideDose, Reservation
from booking.rules import ANY_HOUR, day_of
from booking.services.courses import course_of
from booking.services.offers import join_list, offer_to
from database.clock import Now

# Who has not been helped by then has found another way.
SHOWN = timedelta(days=30)
ENTERED = timedelta(days=14)
FIRST = 1


def lost_appointments() -> QuerySet[LostAppointment]:
    """Those whose people have nothing instead yet, the newest first."""
    same_dose = {"person": OuterRef("reservation__person"), "dose": OuterRef("reservation__dose")}
    given = OutsideDose.objects.filter(
        Q(dose__gte=OuterRef("reservation__dose")) | Q(dose__gte=F("vaccine__doses")),
        person=OuterRef("reservation__person"),
    )
    return (
        LostAppointment.objects.filter(lost_at__gt=Now() - SHOWN, entry=None)
        .exclude(Exists(Reservation.objects.live().filter(**same_dose)))
        .exclude(Exists(given))
        .order_by("-lost_at", "reservation__dose")
    )


@transaction.atomic
def put_first(*, freed: LostAppointment, by: str) -> ListEntry:
    """Put whoever lost an appointment first on the cancellation list, for its clinic and district.

    They had a place, and lost it by a mistake of ours. Asking again answers the same entry.
    Raises AlreadyBooked or NoFirstDose.
    """
    locked = LostAppointment.objects.select_for_update(of=("self",), no_key=True)
    freed = locked.annotate(now=Now()).get(pk=freed.pk)
    if freed.entry:
        return freed.entry
    row = Reservation.objects.with_place().get(pk=freed.reservation_id)
    if row.dose > 1 and 1 not in course_of(row.person_id).doses:
        raise NoFirstDose
    clinic, today = row.slot.clinic, day_of(freed.now)
    try:
        with transaction.atomic():
            freed.entry = join_list(
                person_id=row.person_id,
                admission_id=row.admission_id,
                dose=row.dose,
                places=keys_of(clinic_id=clinic.pk, region=clinic.region, district=clinic.district),
                dates=(today, max(day_of(row.slot.starts_at), today + ENTERED)),
                hours=ANY_HOUR,
                vaccine_id=row.slot.vaccine_id,
                by=by,
                language=row.language,
                priority=FIRST,
            )
    except OnTheListAlready:
        freed.entry = _move_up(row)
    freed.save(update_fields=["entry"])
    return freed.entry


def _move_up(row: Reservation) -> ListEntry:
    """Whoever waits already keeps what they wished, and comes first."""
    waiting = ListEntry.objects.filter(person=row.person_id, dose=row.dose, status__in=ON_THE_LIST)
    entry = waiting.select_for_update(no_key=True).get()
    entry.priority = max(entry.priority, FIRST)
    entry.save(update_fields=["priority"])
    transaction.on_commit(lambda: offer_to(entry_id=entry.pk))
    return entry
