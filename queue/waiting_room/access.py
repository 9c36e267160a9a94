"""Tickets that a browser may show: the signed-in person's, and those resumed by their code."""

from django.http import HttpRequest

from eligibility.sessions import signed_in
from waiting_room.models import Ticket
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
