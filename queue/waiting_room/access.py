"""Rooms and tickets by their address, and the tickets that a browser may show.

Those are the signed-in person's, and those resumed by their code.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django_stubs_ext import WithAnnotations

from database.clock import AtNow, Now
from eligibility.sessions import SeesFrom, claim_of, set_session, signed_in
from waiting_room.models import Room, Ticket
from web.cookies import named
from web.remembered import Remembered

# Tickets whose resume code was typed in this browser, as by a family with one phone.
resumed = Remembered(
    cookie=named("jari_tickets"), salt="waiting_room.resumed", most=6, seconds=30 * 86400
)


def owns(request: HttpRequest, ticket: Ticket) -> bool:
    session = signed_in(request)
    return bool(session and session.person_id == ticket.person_id)


def may_see(request: HttpRequest, ticket: Ticket) -> bool:
    return owns(request, ticket) or str(ticket.pk) in resumed.read(request)


def find_room(code: str) -> "WithAnnotations[Room, AtNow]":
    rooms = Room.objects.select_related("cohort", "line", "board").annotate(now=Now())
    return get_object_or_404(rooms, cohort__code=code)


class _InSession(Protocol):
    sees_from: datetime | None


def find_ticket(request: HttpRequest, ticket_id: UUID) -> "WithAnnotations[Ticket, AtNow]":
    """The ticket by its address; the same statement checks the session of this request."""
    tickets = Ticket.objects.select_related("room__cohort", "room__line")
    claim = claim_of(request)
    if claim is None:
        return get_object_or_404(tickets.annotate(now=Now()), pk=ticket_id)
    annotated = tickets.annotate(now=Now(), sees_from=SeesFrom(claim))
    ticket = get_object_or_404(annotated, pk=ticket_id)
    set_session(request, claim.session(cast("_InSession", ticket).sees_from))
    return ticket


_FIELDS = [field.attname for field in Ticket._meta.concrete_fields]
# For a statement in which the ticket has this name.
TICKET_COLUMNS = ", ".join(f'ticket."{field}"' for field in _FIELDS)


def ticket_of_row(now: datetime, row: Sequence[Any]) -> "WithAnnotations[Ticket, AtNow]":
    """The ticket of TICKET_COLUMNS, as `find_ticket` gives it, without its room."""
    ticket = cast("WithAnnotations[Ticket, AtNow]", Ticket.from_db(DEFAULT_DB_ALIAS, _FIELDS, row))
    ticket.now = now
    return ticket
