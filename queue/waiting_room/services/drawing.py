"""Holds the draw after the list is closed, by a number that did not exist before.

Source and rule are in the log's `plan` record before joining begins, so that no choice is left
afterwards (docs/line-log.md, "The draw").
"""

import logging
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from database.clock import database_now
from eligibility.enums import Order
from outside.peers import bound
from waiting_room import beacon, draw
from waiting_room.enums import Act, DrawSource, RoomStatus
from waiting_room.exceptions import CantChange
from waiting_room.locks import tick_lock
from waiting_room.models import DrawOfficer, Room
from waiting_room.now_document import beacon_round, due_at
from waiting_room.services.rooms import record

log = logging.getLogger(__name__)

# How late the number must be before the plan's stated value may be used instead.
PATIENCE = timedelta(minutes=10)
FETCH_SECONDS = 2.0


def awaits_draw(room: Room) -> bool:
    """Whether the list is closed and the draw not held; a room that was closed holds none."""
    is_closed = room.status == RoomStatus.CLOSED
    return room.frozen_at is not None and room.drawn_at is None and not is_closed


def hold_draw(room: Room, now: datetime) -> bool:
    """Hold the draw if all its inputs are there; the caller holds the room's TICK lock."""
    values = _inputs(room, now)
    if values is None or not room.list_digest:
        return False
    inputs = draw.inputs_of(values)
    seed = draw.seed_from(bytes.fromhex(room.list_digest), inputs)
    room.seed, room.draw_inputs, room.drawn_at = seed.hex(), inputs, now
    room.save(update_fields=["seed", "draw_inputs", "drawn_at"])
    details: dict[str, Any] = {"inputs": inputs, "seed": room.seed, "source": str(room.draw_source)}
    if "beacon" in values and room.draw_source == DrawSource.DRAND:
        details |= {"round": _round(room), "signature": room.beacon_signature}
    record(room, Act.REVEAL, details=details, at=now)
    return True


def _inputs(room: Room, now: datetime) -> dict[str, str] | None:
    """The seed's inputs besides the list digest; None while one is missing or the time not due."""
    due = due_at(room)
    if due is None or now < due:
        return None
    values = {"portal": room.draw_secret}
    if room.draw_source == DrawSource.SAMPLE:
        number = beacon.sample_number(bytes.fromhex(room.list_digest), room.draw_commitment)
        return values | {"sample": number}
    if room.draw_source == DrawSource.DRAND and room.beacon_signature:
        return values | {"beacon": beacon.randomness_of(_round(room), room.beacon_signature)}
    secrets = {
        f"officer {officer.name}": officer.secret
        for officer in room.officers.all()
        if officer.secret
    }
    if room.draw_source == DrawSource.OFFICERS and len(secrets) == room.officers.count():
        return values | secrets
    # A stated value is the planned source, or the fallback when another source fails. Opened
    # secrets go in as well: their officers must not be able to withdraw them.
    if room.public_value:
        return values | secrets | {"stated": room.public_value}
    return None


def _round(room: Room) -> int:
    number = beacon_round(room)
    assert number is not None
    return number


def fetch_beacons() -> int:
    """Fetch the beacon rounds that closed lists wait for; returns how many came.

    A job of its own, as a slow relay must not delay the tick.
    """
    rooms = Room.objects.filter(
        draw_source=DrawSource.DRAND,
        cohort__order=Order.DRAW,
        frozen_at__isnull=False,
        drawn_at=None,
        beacon_signature="",
    ).exclude(status=RoomStatus.CLOSED)
    fetched, now = 0, database_now()
    for room in rooms:
        due = due_at(room)
        if due and due <= now and (signature := _fetch(_round(room))):
            fetched += Room.objects.filter(pk=room.pk, beacon_signature="").update(
                beacon_signature=signature
            )
        elif due and due + PATIENCE / 10 < now:
            log.error("room %s: the beacon is late; nobody is called until it comes", room.pk)
    return fetched


def _fetch(number: int) -> str:
    """The verified signature of a round, from the first relay that has it; "" if none has."""
    hosts = {urlsplit(address).hostname or "" for address in settings.DRAND_URLS}
    for address in settings.DRAND_URLS:
        try:
            with bound(requests.Session(), hosts, seconds=FETCH_SECONDS) as session:
                answer = session.get(f"{address.rstrip('/')}/{beacon.QUICKNET}/public/{number}")
            signature = answer.json()["signature"] if answer.status_code == 200 else ""
            beacon.randomness_of(number, signature)
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            log.warning("%s gave no round %s: %s", address, number, type(error).__name__)
        else:
            return signature
    return ""


@transaction.atomic
def open_secret(*, room: Room, name: str, secret: str, by: str) -> DrawOfficer:
    """Store the secret that an officer committed to; repeating it changes nothing.

    Raises CantChange before the list is closed, after the draw, and for a wrong name or secret.
    """
    tick_lock(room.pk)
    room = Room.objects.get(pk=room.pk)
    officer = DrawOfficer.objects.filter(room=room, name=name).first()
    if officer is None:
        raise CantChange(_("No officer of this draw has that name."))
    if not awaits_draw(room):
        raise CantChange(_("Secrets are opened after the list is closed and before the draw."))
    secret = secret.strip().lower()
    try:
        matches = draw.commitment(bytes.fromhex(secret)) == officer.commitment
    except ValueError:
        matches = False
    if not matches:
        raise CantChange(_("This secret is not the one that was committed to."))
    if officer.secret != secret:
        officer.secret = secret
        officer.save(update_fields=["secret"])
        record(room, Act.OPENED, details={"name": name, "secret": secret}, by=by)
    return officer


@transaction.atomic
def state_value(*, room: Room, value: str, by: str) -> Room:
    """Enter the public value that the plan names, after the list is closed.

    If another source is planned, it is the fallback once that source is PATIENCE late. Raises
    CantChange otherwise, and for a second, different value.
    """
    tick_lock(room.pk)
    room = Room.objects.select_related("cohort").get(pk=room.pk)
    value = " ".join(value.split())
    if not value or not room.draw_statement:
        raise CantChange(_("The plan of this draw names no public value."))
    if not awaits_draw(room):
        raise CantChange(_("The value is entered after the list is closed and before the draw."))
    due, now = due_at(room), database_now()
    if room.draw_source != DrawSource.STATED and due and now < due + PATIENCE:
        raise CantChange(_("Wait: the planned source has ten minutes from its time on."))
    if room.public_value and room.public_value != value:
        raise CantChange(_("Another value was entered already."))
    room.public_value = value
    room.save(update_fields=["public_value"])
    return room
