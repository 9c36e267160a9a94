"""Telling the people of a closure, once it can't be taken back any more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from booking import wordings
from booking.areas import keys_of
from booking.enums import (
    ON_THE_LIST,
    AffectedOutcome,
    ClosureStatus,
    EntryStatus,
    ReservationStatus,
)
from booking.models import AffectedAppointment, Closure, ClosureOffer, ListEntry, Reservation
from booking.rules import ANY_HOUR, day_of
from booking.services.lost_appointments import ENTERED, FIRST
from booking.services.notices import address_of, channel_of, line_of
from database.clock import Now, database_now
from messaging.hooks import RenderedMessage
from messaging.wordings import render
from staff.actors import is_staff
from web.public import public_url
from web.times import moment

_CLOSED = "closed:"

# One message to each person, whose text the worker renders when it sends it.
TELL = """
INSERT INTO messaging_message
    (key, kind, channel, person_id, status, tries, problem, created_at)
SELECT DISTINCT ON (reservation.person_id)
    'closed:' || affected.closure_id || ':' || reservation.person_id, 'closed',
    CASE WHEN reservation.email IS NULL THEN 'sms' ELSE reservation.channel END,
    reservation.person_id, 'unwritten', 0, '', %(now)s
FROM booking_affectedappointment AS affected
JOIN booking_reservation AS reservation ON reservation.id = affected.reservation_id
WHERE affected.closure_id = %(closure)s AND NOT affected.restored
ORDER BY reservation.person_id, reservation.dose
ON CONFLICT (key) DO NOTHING
"""


def tell_due() -> int:
    """Tell the people of each closure whose time to take it back is over; returns how many."""
    due = Closure.objects.filter(status=ClosureStatus.DONE, tells_at__lte=Now())
    return sum(tell(closure_id=pk) for pk in due.order_by("tells_at").values_list("pk", flat=True))


@transaction.atomic
def tell(*, closure_id: int) -> int:
    """Queue a message to each person, and put those without a time first on the list.

    Returns the number of messages; 0 if the closure was told or taken back meanwhile.
    """
    locked = Closure.objects.select_for_update(of=("self",), no_key=True)
    closure = locked.select_related("clinic").filter(pk=closure_id).first()
    if closure is None or closure.status != ClosureStatus.DONE:
        return 0
    now = database_now()
    with connection.cursor() as cursor:
        cursor.execute(TELL, {"closure": closure.pk, "now": now})
        count: int = cursor.rowcount
    cancelled = closure.affected.filter(
        outcome=AffectedOutcome.CANCELLED, restored=False, entry=None, goes_along=False
    )
    put_first(closure, cancelled.select_related("reservation", "from_slot"))
    closure.status, closure.told_at = ClosureStatus.TOLD, now
    closure.save(update_fields=["status", "told_at"])
    return count


def put_first(closure: Closure, cancelled: Iterable[AffectedAppointment]) -> None:
    """Entries for these appointments; make_offers offers them what is free."""
    rows = sorted(cancelled, key=lambda row: row.reservation.dose)
    people = {row.reservation.person_id for row in rows}
    live = set(Reservation.objects.live().filter(person__in=people).values_list("person", "dose"))
    on_list = ListEntry.objects.filter(person__in=people, status__in=ON_THE_LIST)
    listed = {(entry.person_id, entry.dose): entry for entry in on_list}
    for row in rows:
        dose = (row.reservation.person_id, row.reservation.dose)
        if dose in live or (dose[0], 1) in listed:
            continue  # booked again meanwhile, or a second dose that waits for its first
        entry = listed.get(dose)
        if entry is None:
            entry = listed[dose] = _entry(closure, row)
        entry.priority = max(entry.priority, FIRST)
        row.entry = entry
    linked = [row for row in rows if row.entry]
    entries = [row.entry for row in linked if row.entry]
    ListEntry.objects.bulk_create([entry for entry in entries if entry.pk is None])
    ListEntry.objects.bulk_update(entries, ["priority"])
    AffectedAppointment.objects.bulk_update(linked, ["entry"])


def _entry(closure: Closure, row: AffectedAppointment) -> ListEntry:
    clinic, reservation, today = closure.clinic, row.reservation, day_of(closure.closed_at)
    return ListEntry(
        person_id=reservation.person_id,
        dose=reservation.dose,
        places=keys_of(clinic_id=clinic.pk, region=clinic.region, district=clinic.district),
        vaccine_id=row.from_slot.vaccine_id,
        date_from=today,
        date_to=max(day_of(row.from_slot.starts_at), today) + ENTERED,
        time_from=ANY_HOUR[0],
        time_to=ANY_HOUR[1],
        priority=FIRST,
        joined_at=closure.closed_at,
        status=EntryStatus.WAITING,
        admission_id=reservation.admission_id,
        by=closure.by,
        language=reservation.language,
    )


def render_closed(keys: Sequence[str]) -> dict[str, RenderedMessage]:
    """Render the messages that `tell` queued, by message key.

    People who changed or cancelled everything themselves since are left out.
    """
    # Closure and person, as TELL writes them.
    wanted = [[int(part) for part in key.removeprefix(_CLOSED).split(":")] for key in keys]
    rows = (
        AffectedAppointment.objects.filter(
            closure__in=[closure for closure, _person in wanted],
            reservation__person__in=[person for _closure, person in wanted],
            restored=False,
        )
        .select_related(
            "closure__clinic",
            "from_slot__clinic",
            "reservation__person",
            "reservation__slot__clinic",
            "reservation__slot__vaccine",
            "offer",
        )
        .order_by("reservation__dose")
    )
    together: dict[str, list[AffectedAppointment]] = {}
    for row in rows:
        if row.stands:
            key = f"{_CLOSED}{row.closure_id}:{row.reservation.person_id}"
            together.setdefault(key, []).append(row)
    return {key: _message(affected) for key, affected in together.items() if key in keys}


def _message(affected: list[AffectedAppointment]) -> RenderedMessage:
    first = affected[0].reservation
    channel = channel_of(first)
    with translation.override(first.language):
        reason, outcome = sentence_of(affected[0]), _outcome(affected)
    text = render(
        wordings.CLOSED,
        channel,
        first.language,
        reason=reason,
        outcome=outcome,
        address=public_url("reservation", first.number),
    )
    return RenderedMessage(channel, address_of(first), text)


def _outcome(affected: list[AffectedAppointment]) -> str:
    """What became of the appointments, in the active language."""
    lines: list[str] = []
    moved = [row.reservation for row in affected if row.to_slot_id]
    if moved:
        lines += [_("Your appointment was moved:"), *map(line_of, moved)]
        lines += _choices_of(affected[0])
    cancelled = [row.reservation for row in affected if not row.to_slot_id]
    if cancelled:
        lines += [_("Your appointment had to be cancelled:"), *map(line_of, cancelled)]
        lines.append(promise_to(cancelled[0]))
    return "\n".join(lines)


def _choices_of(row: AffectedAppointment) -> list[str]:
    """The lines about other times kept for a person, until when, and what happens then."""
    offer: ClosureOffer | None = getattr(row, "offer", None)
    until = row.closure.answer_until
    if offer is None or until is None:
        return []
    return [
        _("We keep other times for you until %(until)s. Without an answer this one stands:")
        % {"until": moment(until)},
        public_url("closure_offer", offer.token),
    ]


def promise_to(reservation: Reservation) -> str:
    """What a person has whose appointment was cancelled, in the active language."""
    if reservation.admission_id is None:  # booked by staff, who book for them again
        return _("You are first on the cancellation list.")
    return _("You are first on the cancellation list, and can book again without queueing.")


def sentence_of(row: AffectedAppointment) -> str:
    """Why the appointment can't take place, in the active language."""
    return _("%(clinic)s cannot vaccinate on %(when)s. %(reason)s.") % {
        "clinic": row.from_slot.clinic.full_name,
        "when": moment(row.from_slot.starts_at),
        "reason": row.closure.get_reason_display(),
    }


@dataclass(frozen=True)
class Notice:
    """What a receipt says about a closure, as long as the reservation is as it left it."""

    title: str
    text: str


def closure_notice(reservation: Reservation) -> Notice | None:
    """The notice for the person's page of this reservation; None without a closure."""
    if not is_staff(reservation.by):
        return None  # a closure is an act of staff: other pages need no look at the table
    rows = reservation.closures.select_related("closure", "from_slot__clinic")
    row = rows.order_by("pk").last()
    if row is None:
        return None
    row.reservation = reservation
    if row.restored:
        if reservation.status != ReservationStatus.CONFIRMED:
            return None
        return Notice(_("The clinic can work after all. Your appointment stands as before."), "")
    if not row.stands:
        return None
    if row.to_slot_id:
        return Notice(sentence_of(row), _("Your appointment was moved to the time shown here."))
    return Notice(sentence_of(row), promise_to(reservation))
