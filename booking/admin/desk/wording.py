"""What the pages of the desk say, and what its staff say to the person."""

from datetime import date, datetime

from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from booking.enums import ReservationStatus
from booking.exceptions import AlreadyBooked, LineWaits, NoDoseLeft, Refused, VaccineNotForYou
from booking.models import Reservation, Slot
from booking.rules import day_bounds, day_of
from booking.services import interval_of
from booking.services.notices import public_url
from database.clock import known_now

# Where the citizen's own words would mislead.
_SAID = {
    AlreadyBooked: gettext_lazy("This person has an appointment for this dose already."),
    NoDoseLeft: gettext_lazy("This person was given all doses of this vaccine."),
    VaccineNotForYou: gettext_lazy(
        "The period of this person is for other vaccines. Choose a time of one of them."
    ),
}


def said(refusal: Refused) -> str:
    """A refusal in words for the member of staff."""
    if isinstance(refusal, LineWaits):
        return _said_of_line(refusal.waiting)
    return str(_SAID.get(type(refusal), refusal))


def _said_of_line(waiting: int) -> str:
    if not waiting:
        return _("This person is next in the line, and not called yet.")
    text = ngettext(
        "%(n)s person waits in the line of this period. Nobody is booked before them.",
        "%(n)s people wait in the line of this period. Nobody is booked before them.",
        waiting,
    )
    return text % {"n": waiting}


def moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), _("D j M, H:i"))


def short_day(day: date) -> str:
    return date_format(day, _("D j M"))


def days_for_second(first: Slot) -> tuple[date, date, date]:
    """Between which days the second dose is possible, and which is best."""
    on = day_of(first.starts_at)
    interval = interval_of(first.vaccine)
    return *interval.days_for_second(on), interval.best_for_second(on)


def read_out(row: Reservation, visible: QuerySet[Reservation]) -> list[str]:
    """What to tell the person of their appointments, sentence by sentence, in their language.

    Nothing where none is to come. `visible` are the reservations this user may see.
    """
    now = known_now()
    today, _end = day_bounds(day_of(now))
    theirs = visible.filter(person=row.person_id, status=ReservationStatus.CONFIRMED)
    rows = list(theirs.filter(slot__starts_at__gte=today).order_by("dose"))
    if row not in rows:
        return []
    with translation.override(row.language):
        said = [_("Your vaccination is booked."), *map(_spoken, rows)]
        if len(rows) == 1 and row.dose == 1 and row.slot.vaccine.doses > 1:
            earliest, latest, _best = map(short_day, days_for_second(row.slot))
            said.append(
                _("The second dose is not booked yet. It is possible from %(start)s to %(end)s.")
                % {"start": earliest, "end": latest}
            )
        said.append(_("Please bring your identity card."))
        if row.changes_until > now:
            said.append(_how_to_change(row))
    return said


def _spoken(row: Reservation) -> str:
    return _("Dose %(dose)d: %(when)s, %(clinic)s, %(address)s. The number is %(number)s.") % {
        "dose": row.dose,
        "when": moment(row.slot.starts_at),
        "clinic": row.slot.clinic.name,
        "address": row.slot.clinic.address,
        "number": row.shown_number,
    }


def _how_to_change(row: Reservation) -> str:
    return _(
        "You can change or cancel it until %(until)s, at %(address)s with the number and your "
        "phone, or by a call to the clinic: %(phone)s."
    ) % {
        "until": moment(row.changes_until),
        "address": public_url("lookup"),
        "phone": row.slot.clinic.phone or "–",
    }
