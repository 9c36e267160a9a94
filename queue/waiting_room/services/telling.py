"""Alerts by message: when a person's turn comes, and about ten minutes before if they asked.

A text message is the default: it goes to the proven phone of all who are called and chose nothing.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import translation

from database.clock import database_now
from messaging.enums import Channel
from messaging.receivers import checked_receiver
from messaging.services import write_message
from messaging.wordings import render
from waiting_room.enums import NO_MESSAGE, RoomStatus
from waiting_room.models import Admission, Alert, Board, Room, Ticket
from waiting_room.wordings import CALLED, SOON
from web.public import public_url

SOON_SECONDS = 600
# A "ten minutes left" message is not sent later than this: it would be wrong by then.
SOON_IS_TRUE = timedelta(minutes=10)
BATCH_SIZE = 500


@transaction.atomic
def request_alert(*, ticket: Ticket, channel: Channel, email: str = "", language: str) -> Alert:
    """Request messages for a ticket; a second request replaces channel and language.

    Raises BadReceiver for an invalid e-mail address.
    """
    if channel == Channel.EMAIL:
        checked_receiver(channel, email)
    return _choose(ticket, channel, email if channel == Channel.EMAIL else None, language)


def cancel_alert(*, ticket: Ticket, language: str) -> None:
    """No message for this ticket, not even the one that others get without asking."""
    _choose(ticket, NO_MESSAGE, None, language)


def _choose(ticket: Ticket, channel: str, email: str | None, language: str) -> Alert:
    values = {
        "room_id": ticket.room_id,
        "place": ticket.place,
        "channel": channel,
        "email": email,
        "language": language,
    }
    return Alert.objects.update_or_create(ticket=ticket, defaults=values)[0]


def send_alerts() -> int:
    """Write all messages that are due; returns how many. Safe with several workers: each once."""
    now = database_now()
    called_lately = Q(line__serving__gt=F("board__alerted_upto"))
    rooms = Room.objects.filter(
        called_lately | Q(alerts__called_at=None, alerts__isnull=False), drawn_at__isnull=False
    ).exclude(Q(status=RoomStatus.CLOSED) | Q(cohort__closes_at__lte=now))
    return sum(
        _send_alerts_of(room, now)
        for room in rooms.select_related("cohort", "line", "board").distinct().order_by("pk")
    )


def _send_alerts_of(room: Room, now: datetime) -> int:
    _fill_in_places(room)
    serving, sent = room.line.serving, 0
    _add_defaults(room, serving, now)
    open_alerts = Alert.objects.filter(room=room, called_at=None)
    # Each batch marks its alerts, so that the same query finds the next ones.
    while batch := _batch(open_alerts.filter(place__lte=serving)):
        sent += _send(batch, room, "called_at", now)
    soon = serving + soon_distance(room)
    waiting = open_alerts.filter(soon_at=None, place__gt=serving, place__lte=soon)
    while batch := _batch(waiting):
        sent += _send(batch, room, "soon_at", now)
    return sent


def _batch(alerts: QuerySet[Alert]) -> list[UUID]:
    return list(alerts.order_by("place").values_list("pk", flat=True)[:BATCH_SIZE])


def _fill_in_places(room: Room) -> None:
    """Set the places of alerts that were requested before the draw."""
    waiting = Alert.objects.filter(room=room, place=None).select_related("ticket")
    for batch in iter(lambda: list(waiting[:BATCH_SIZE]), []):
        for alert in batch:
            alert.place = room.place_of(alert.ticket.entry)
        Alert.objects.bulk_update(batch, ["place"])


def _add_defaults(room: Room, serving: int, now: datetime) -> None:
    """Alerts by text message for all who were called since the last time and chose nothing.

    Only now, and not with the join: the minute of the opening has no write to spare.
    """
    for first in range(room.board.alerted_upto + 1, serving + 1, BATCH_SIZE):
        last = min(first + BATCH_SIZE - 1, serving)
        places = {room.entry_at(place): place for place in range(first, last + 1)}
        tickets = Ticket.objects.filter(room=room, entry__in=places, alert=None, left_at=None)
        rows = tickets.values_list("pk", "entry", "person__language")
        Alert.objects.bulk_create(
            [
                Alert(
                    ticket_id=ticket_id,
                    room=room,
                    place=places[entry],
                    channel=Channel.SMS,
                    language=language,
                    soon_at=now,  # it has come: nothing is left to say before it
                )
                for ticket_id, entry, language in rows
            ],
            ignore_conflicts=True,  # another worker does the same, or the person chooses just now
        )
        Board.objects.filter(pk=room.pk, alerted_upto__lt=last).update(alerted_upto=last)


def soon_distance(room: Room) -> int:
    """Number of places that will be called in about ten minutes, by the room's estimates."""
    soon = 0
    for distance, low, high in room.board.document.get("waits", []):
        if (low + high) / 2 > SOON_SECONDS:
            break
        soon = distance
    return soon


@transaction.atomic
def _send(tickets: list[UUID], room: Room, mark: str, now: datetime) -> int:
    """Write the messages of a batch and mark its alerts, in one transaction; returns how many."""
    # skip_locked: another worker is sending those; the filter on `mark` drops those it has sent.
    alerts = list(
        Alert.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
        .filter(pk__in=tickets, **{mark: None})
        .select_related("ticket__person")
    )
    Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(**{mark: now})
    been_inside = set(
        Admission.objects.filter(ticket__in=[alert.pk for alert in alerts]).values_list(
            "ticket_id", flat=True
        )
    )
    sent = 0
    for alert in alerts:
        # No message to people who left the line or have entered already, or want none.
        wanted = alert.channel != NO_MESSAGE and (alert.email or alert.ticket.person.phone)
        if wanted and alert.ticket.left_at is None and alert.pk not in been_inside:
            sent += _write(alert, room, mark, now)
    return sent


def _write(alert: Alert, room: Room, mark: str, now: datetime) -> bool:
    kind = CALLED if mark == "called_at" else SOON
    channel = Channel(alert.channel)
    with translation.override(alert.language):
        cohort = room.cohort.name
    by_mail = channel == Channel.EMAIL
    address = public_url("ticket", alert.pk) if by_mail else public_url("own_place")
    text = render(kind, channel, alert.language, cohort=cohort, address=address)
    return write_message(
        key=f"{kind}:{alert.pk}",
        kind=kind,
        channel=channel,
        to=alert.email or alert.ticket.person.phone,
        text=text,
        person_id=alert.ticket.person_id,
        not_after=room.cohort.closes_at if kind == "called" else now + SOON_IS_TRUE,
    )
