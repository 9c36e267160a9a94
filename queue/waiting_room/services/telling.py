"""Telling people by message: when about ten minutes are left, and when it is their turn."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from database.clock import database_now
from messaging.enums import Channel
from messaging.receivers import checked_receiver
from messaging.services import write_message
from waiting_room.enums import RoomStatus
from waiting_room.models import Admission, Alert, Room, Ticket

SOON_SECONDS = 600
# Later than this the message would tell of something that is not so any more.
SOON_IS_TRUE = timedelta(minutes=10)
AT_ONCE = 500


@transaction.atomic
def ask_to_be_told(*, ticket: Ticket, channel: Channel, email: str = "", language: str) -> Alert:
    """Tell this person before their turn and when it comes; asking again changes the way only.

    BadReceiver for what is no e-mail address.
    """
    if channel == Channel.EMAIL:
        checked_receiver(channel, email)
    wanted = {
        "room_id": ticket.room_id,
        "place": ticket.place,
        "channel": channel,
        "email": email if channel == Channel.EMAIL else None,
        "language": language,
    }
    return Alert.objects.update_or_create(ticket=ticket, defaults=wanted)[0]


def stop_telling(*, ticket: Ticket) -> None:
    Alert.objects.filter(ticket=ticket).delete()


def tell_people() -> int:
    """Write every message that is due, each once whoever runs this how often; how many."""
    now = database_now()
    rooms = Room.objects.filter(alerts__called_at=None, drawn_at__isnull=False).exclude(
        Q(status=RoomStatus.CLOSED) | Q(cohort__closes_at__lte=now)
    )
    return sum(
        _tell_room(room, now)
        for room in rooms.select_related("cohort", "line", "board").distinct().order_by("pk")
    )


def _tell_room(room: Room, now: datetime) -> int:
    _fill_in_places(room)
    serving, told = room.line.serving, 0
    open_alerts = Alert.objects.filter(room=room, called_at=None)
    while batch := _batch(open_alerts.filter(place__lte=serving)):
        told += _tell(batch, room, "called_at", now)
    soon = serving + soon_distance(room)
    waiting = open_alerts.filter(soon_at=None, place__gt=serving, place__lte=soon)
    while batch := _batch(waiting):
        told += _tell(batch, room, "soon_at", now)
    return told


def _batch(alerts: QuerySet[Alert]) -> list[UUID]:
    return list(alerts.order_by("place").values_list("pk", flat=True)[:AT_ONCE])


def _fill_in_places(room: Room) -> None:
    """Whoever asked before the draw has a place now."""
    waiting = Alert.objects.filter(room=room, place=None).select_related("ticket")
    for batch in iter(lambda: list(waiting[:AT_ONCE]), []):
        for alert in batch:
            alert.place = room.place_of(alert.ticket.entry)
        Alert.objects.bulk_update(batch, ["place"])


def soon_distance(room: Room) -> int:
    """How many places are called in about ten minutes, by the room's own estimates."""
    soon = 0
    for distance, low, high in room.board.document.get("waits", []):
        if (low + high) / 2 > SOON_SECONDS:
            break
        soon = distance
    return soon


@transaction.atomic
def _tell(tickets: list[UUID], room: Room, mark: str, now: datetime) -> int:
    """Tell these; the mark and the messages are written together or not at all."""
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
    told = 0
    for alert in alerts:
        # Whoever left, or has been inside already, needs to be told nothing.
        if alert.ticket.left_at is None and alert.pk not in been_inside:
            told += _write(alert, room, mark, now)
    return told


def _write(alert: Alert, room: Room, mark: str, now: datetime) -> bool:
    kind = "called" if mark == "called_at" else "soon"
    with translation.override(alert.language):
        text = "\n".join(_lines(kind, alert, room))
    return write_message(
        key=f"{kind}:{alert.pk}",
        kind=kind,
        channel=Channel(alert.channel),
        to=alert.email or alert.ticket.person.phone,
        text=text,
        person_id=alert.ticket.person_id,
        not_after=room.cohort.closes_at if kind == "called" else now + SOON_IS_TRUE,
    )


def _lines(kind: str, alert: Alert, room: Room) -> Iterator[str]:
    if kind == "called":
        yield _("[Jari] It is your turn to book (%(cohort)s).") % {"cohort": room.cohort.name}
        yield _("Enter when it suits you; your turn stays yours until the line closes.")
    else:
        yield _("[Jari] About ten minutes until your turn (%(cohort)s).") % {
            "cohort": room.cohort.name
        }
    yield settings.PUBLIC_URL.rstrip("/") + reverse("ticket", args=[alert.pk])
