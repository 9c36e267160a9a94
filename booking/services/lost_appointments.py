"""Appointments cancelled by a mistaken record that could not be restored: staff help."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from booking.areas import keys_of
from booking.enums import ON_THE_LIST
from booking.exceptions import NoFirstDose, OnTheListAlready
from booking.models import ListEntry, LostAppointment, OutsideDose, Reservation
from booking.rules import ANY_HOUR, day_of
from booking.services.courses import course_of
from booking.services.offers import Preferences, join_list, offer_to
from database.clock import Now

SHOWN = timedelta(days=30)  # on the staff's list, after the loss
ENTERED = timedelta(days=14)  # days of the list entry, at least
FIRST = 1  # ListEntry.priority; the default is 0


def lost_appointments() -> QuerySet[LostAppointment]:
    """Lost appointments of people without a replacement, the newest first."""
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
def put_first(*, lost: LostAppointment, by: str) -> ListEntry:
    """Put the person first on the cancellation list, for the lost clinic and its district.

    Asking again returns the same entry. Raises AlreadyBooked, NoDoseLeft or NoFirstDose.
    """
    locked = LostAppointment.objects.select_for_update(of=("self",), no_key=True)
    lost = locked.annotate(now=Now()).get(pk=lost.pk)
    if lost.entry:
        return lost.entry
    reservation = Reservation.objects.with_slot().get(pk=lost.reservation_id)
    if reservation.dose > 1 and 1 not in course_of(reservation.person_id).doses:
        raise NoFirstDose
    clinic, today = reservation.slot.clinic, day_of(lost.now)
    try:
        with transaction.atomic():
            lost.entry = join_list(
                person_id=reservation.person_id,
                admission_id=reservation.admission_id,
                dose=reservation.dose,
                preferences=Preferences(
                    keys_of(clinic_id=clinic.pk, region=clinic.region, district=clinic.district),
                    dates=(today, max(day_of(reservation.slot.starts_at), today + ENTERED)),
                    hours=ANY_HOUR,
                    vaccine_id=reservation.slot.vaccine_id,
                ),
                by=by,
                language=reservation.language,
                priority=FIRST,
            )
    except OnTheListAlready:
        lost.entry = _move_up(reservation)
    lost.save(update_fields=["entry"])
    return lost.entry


def _move_up(reservation: Reservation) -> ListEntry:
    """Raise the priority of the existing entry, whose days and areas stay."""
    waiting = ListEntry.objects.filter(
        person=reservation.person_id, dose=reservation.dose, status__in=ON_THE_LIST
    )
    entry = waiting.select_for_update(no_key=True).get()
    entry.priority = max(entry.priority, FIRST)
    entry.save(update_fields=["priority"])
    transaction.on_commit(lambda: offer_to(entry_id=entry.pk))
    return entry
