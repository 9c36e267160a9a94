"""Whose ticket a browser may see: the person's own, or one whose resume code was typed here."""

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from eligibility.sessions import signed_in
from waiting_room.models import Ticket

COOKIE = "jari_tickets"
_SALT = "waiting_room.resumed"
MOST_RESUMED = 6  # a family around one phone
RESUMED_DAYS = 30


def resumed(request: HttpRequest) -> list[str]:
    """The tickets whose resume code was given in this browser."""
    try:
        found = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=RESUMED_DAYS * 86400
        )
    except signing.BadSignature:
        return []
    return found if isinstance(found, list) else []


def remember(request: HttpRequest, response: HttpResponse, ticket_id: UUID) -> None:
    kept = [one for one in resumed(request) if one != str(ticket_id)]
    response.set_cookie(
        COOKIE,
        signing.dumps([str(ticket_id), *kept][:MOST_RESUMED], salt=_SALT, compress=True),
        max_age=RESUMED_DAYS * 86400,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )


def owns(request: HttpRequest, ticket: Ticket) -> bool:
    who = signed_in(request)
    return bool(who and who.person_id == ticket.person_id)


def may_see(request: HttpRequest, ticket: Ticket) -> bool:
    return owns(request, ticket) or str(ticket.pk) in resumed(request)


def to_identity(request: HttpRequest, *, back_to: str) -> HttpResponse:
    return redirect(f"{reverse('identity')}?{urlencode({'next': back_to})}")
