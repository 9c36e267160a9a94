"""Texts of the desk: refusals for staff, and sentences to read out to the person."""

from datetime import date

from django.db.models import QuerySet
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from booking.enums import ReservationStatus
from booking.exceptions import AlreadyBooked, LineWaits, NoDoseLeft, Refused, VaccineNotForYou
from booking.models import Reservation, Slot
from booking.rules import day_bounds, day_of
from booking.services.courses import interval_of
from database.clock import known_now
from eligibility.enums import Window
from web.public import public_url
from web.times import moment

# Refusals whose message for citizens ("you") would mislead staff.
_STAFF_MESSAGES = {
    AlreadyBooked: gettext_lazy("This person has an appointment for this dose already."),
    NoDoseLeft: gettext_lazy("This person was given all doses of this vaccine."),
    VaccineNotForYou: gettext_lazy(
        "The period of this person is for other vaccines. Choose a time of one of them."
    ),
}


def staff_message(refusal: Refused) -> str:
    """The message of a refusal, worded for staff."""
    if isinstance(refusal, LineWaits):
        return _line_waits_message(refusal.waiting)
    return str(_STAFF_MESSAGES.get(type(refusal), refusal))


def _line_waits_message(waiting: int) -> str:
    if not waiting:
        return _("This person is next in the line, and not called yet.")
    text = ngettext(
        "%(n)s person waits in the line of this period. Nobody is booked before them.",
        "%(n)s people wait in the line of this period. Nobody is booked before them.",
        waiting,
    )
    return text % {"n": waiting}


def period_state(state: Window) -> str:
    """Whether people of a cohort may book now, in a word."""
    if state == Window.OPEN:
        return _("yes, now")
    return _("not yet") if state == Window.SOON else _("over")


def line_state(before: int | None, *, has_ticket: bool) -> str:
    """How many wait before a person in the line of a cohort; `before` is None once called."""
    if before is None:
        return _("Called from the line: they may book.") if has_ticket else ""
    if has_ticket:
        text = ngettext(
            "Stands in the line, %(shown)s person ahead.",
            "Stands in the line, %(shown)s people ahead.",
            before,
        )
    else:
        text = ngettext(
            "%(shown)s person waits in the line.", "%(shown)s people wait in the line.", before
        )
    return text % {"shown": f"{before:,}"}


def short_day(day: date) -> str:
    return date_format(day, _("D j M"))


def days_for_second(first: Slot) -> tuple[date, date, date]:
    """(first, last, best) day of the second dose."""
    on = day_of(first.starts_at)
    interval = interval_of(first.vaccine)
    return *interval.days_for_second(on), interval.best_for_second(on)


def sentences_to_read_out(row: Reservation, visible: QuerySet[Reservation]) -> list[str]:
    """Sentences about the person's appointments, in the person's language; [] if none is to come.

    `visible` are the reservations this user may see.
    """
    now = known_now()
    today, _end = day_bounds(day_of(now))
    appointments = visible.filter(person=row.person_id, status=ReservationStatus.CONFIRMED)
    rows = list(appointments.filter(slot__starts_at__gte=today).order_by("dose"))
    if row not in rows:
        return []
    # Read out to the person, whose language may differ from the user's.
    with translation.override(row.language):
        sentences = [_("Your vaccination is booked."), *map(_spoken_appointment, rows)]
        if len(rows) == 1 and row.dose == 1 and row.slot.vaccine.doses > 1:
            earliest, latest, _best = map(short_day, days_for_second(row.slot))
            sentences.append(
                _("The second dose is not booked yet. It is possible from %(start)s to %(end)s.")
                % {"start": earliest, "end": latest}
            )
        sentences.append(_("Please bring your identity card."))
        if row.changes_until > now:
            sentences.append(_how_to_change(row))
    return sentences


def _spoken_appointment(row: Reservation) -> str:
    return _("Dose %(dose)d: %(when)s, %(clinic)s, %(address)s. The number is %(number)s.") % {
        "dose": row.dose,
        "when": moment(row.slot.starts_at),
        "clinic": row.slot.place.name,
        "address": row.slot.place.address,
        "number": row.shown_number,
    }


def _how_to_change(row: Reservation) -> str:
    phone = row.slot.clinic.phone or "–"
    if row.slot.home_id:  # the team comes to the home, at no other time
        return _("To cancel it, call the clinic: %(phone)s.") % {"phone": phone}
    return _(
        "You can change or cancel it until %(until)s, at %(address)s with the number and your "
        "phone, or by a call to the clinic: %(phone)s."
    ) % {
        "until": moment(row.changes_until),
        "address": public_url("lookup"),
        "phone": phone,
    }
