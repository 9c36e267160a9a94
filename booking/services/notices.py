"""Messages to people about their reservations; the unique key makes each be sent once."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.utils import translation

from booking import hooks, wordings
from booking.enums import ReservationStatus
from booking.models import Offer, Reservation
from messaging.enums import Channel
from messaging.hooks import RenderedMessage
from messaging.services import write_message
from messaging.wordings import render
from web.public import public_url
from web.times import hour_of, moment


def notify(
    reservation: Reservation,
    *,
    key: str,
    kind: str,
    text: str,
    not_after: datetime | None = None,
    urgent: bool = False,
) -> bool:
    """Queue one message to the person of this reservation, by the channel they chose.

    Returns False if a message with this key exists already.
    """
    return write_message(
        key=key,
        kind=kind,
        channel=channel_of(reservation),
        to=address_of(reservation),
        text=text,
        person_id=reservation.person_id,
        not_after=not_after,
        urgent=urgent,
    )


def _by_email(reservation: Reservation) -> bool:
    # Without an address, which booking.purging deletes after a campaign, by SMS.
    return reservation.channel == Channel.EMAIL and bool(reservation.email)


def channel_of(reservation: Reservation) -> Channel:
    return Channel.EMAIL if _by_email(reservation) else Channel.SMS


def address_of(reservation: Reservation) -> str:
    email = reservation.email if _by_email(reservation) else ""
    return email or reservation.person.phone


def appointment_time(reservation: Reservation) -> str:
    return moment(reservation.slot.starts_at)


def line_of(reservation: Reservation) -> str:
    return wordings.appointment_line(
        reservation.dose,
        appointment_time(reservation),
        reservation.slot.place.full_name,
        reservation.number,
    )


def _render(code: str, reservation: Reservation, **values: object) -> str:
    """In the person's language, not that of the worker or of the staff who acted."""
    return render(code, channel_of(reservation), reservation.language, **values)


def _appointments(reservations: Sequence[Reservation]) -> str:
    with translation.override(reservations[0].language):
        return "\n".join(map(line_of, reservations))


def _confirmed_text(reservations: Sequence[Reservation]) -> str:
    first = reservations[0]
    return _render(
        wordings.CONFIRMED,
        first,
        appointments=_appointments(reservations),
        address=public_url("reservation", first.number),
    )


_CONFIRMED = "confirmed:"


def notify_confirmed(reservations: Sequence[Reservation]) -> None:
    key = f"{_CONFIRMED}{reservations[0].number}"
    notify(reservations[0], key=key, kind="confirmed", text=_confirmed_text(reservations))


def render_confirmed(keys: Sequence[str]) -> dict[str, RenderedMessage]:
    """Render the messages that `confirm_hold` queued without text, by message key.

    One message covers all doses confirmed under one reservation key.
    """
    numbers = [key.removeprefix(_CONFIRMED) for key in keys]
    together: dict[uuid.UUID, list[Reservation]] = {}
    for row in (
        Reservation.objects.filter(
            key__in=Reservation.objects.filter(number__in=numbers).values("key")
        )
        .with_slot()
        .select_related("person")
        .order_by("dose")
    ):
        together.setdefault(row.key, []).append(row)
    return {
        f"{_CONFIRMED}{rows[0].number}": RenderedMessage(
            channel_of(rows[0]), address_of(rows[0]), _confirmed_text(rows)
        )
        for rows in together.values()
    }


def _change_key(what: str, reservation: Reservation) -> str:
    """A message key with the time of the change: a reservation can be cancelled twice."""
    return f"{what}:{reservation.number}:{reservation.changed_at.timestamp():.6f}"


def notify_cancelled(reservations: Sequence[Reservation]) -> None:
    _notify_of_all(wordings.CANCELLED, reservations)


def notify_restored(reservations: Sequence[Reservation]) -> None:
    _notify_of_all(wordings.RESTORED, reservations)


def _notify_of_all(code: str, reservations: Sequence[Reservation]) -> None:
    first = reservations[0]
    text = _render(code, first, appointments=_appointments(reservations))
    notify(first, key=_change_key(code, first), kind=code, text=text)


def notify_changed(*reservations: Reservation) -> None:
    """One message about the appointments of a person that were moved together."""
    first = reservations[0]
    text = _render(
        wordings.CHANGED,
        first,
        appointment=_appointments(reservations),
        address=public_url("reservation", first.number),
    )
    notify(first, key=_change_key("changed", first), kind="changed", text=text)


_REMINDER = "reminder:"


def render_reminders(keys: Sequence[str]) -> dict[str, RenderedMessage]:
    """Render the reminders that `remind` queued, by message key.

    Appointments cancelled or moved since are left out, and their message is not sent.
    """
    numbers = [key.split(":")[1] for key in keys]
    rows = (
        Reservation.objects.filter(number__in=numbers, status=ReservationStatus.CONFIRMED)
        .with_slot()
        .select_related("person")
    )
    rendered = {f"{_REMINDER}{row.number}:{row.slot_id}": _reminder(row) for row in rows}
    # The key holds the slot: an appointment moved since yields a key that was not asked for.
    return {key: letter for key, letter in rendered.items() if key in keys}


def _reminder(reservation: Reservation) -> RenderedMessage:
    with translation.override(reservation.language):
        before = "\n".join(line(reservation) for line in hooks.reminder_lines)
    text = _render(
        wordings.REMINDER,
        reservation,
        appointment=_appointments([reservation]),
        place=reservation.slot.place.address,
        before=before,
        address=public_url("reservation", reservation.number),
    )
    return RenderedMessage(channel_of(reservation), address_of(reservation), text)


def notify_offer(offer: Offer) -> None:
    reservation = offer.reservation
    with translation.override(reservation.language):
        when = appointment_time(reservation)
    text = _render(
        wordings.OFFER,
        reservation,
        when=when,
        clinic=reservation.slot.clinic.full_name,
        minutes=round((offer.until - offer.offered_at).total_seconds() / 60),
        until=hour_of(offer.until),
        address=public_url("offer", offer.token),
    )
    key = f"offer:{offer.pk}"
    notify(
        reservation,
        key=key,
        kind="offer",
        text=text,
        not_after=offer.until,
        urgent=True,  # an offer lasts minutes: it can't wait for the next sweep
    )
