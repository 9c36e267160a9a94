"""Shared by the booking pages: guards for the session."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from booking.services import courses, reading
from eligibility.sessions import Session, claim_of, set_session, signed_in, to_identity
from waiting_room.decorators import find_admission, not_inside
from web.codes import UnreadableCode, read
from web.cookies import named
from web.remembered import Remembered

View = Callable[..., HttpResponse]
# Reservation numbers looked up with their phone in this browser, in a signed cookie.
looked_up = Remembered(cookie=named("jari_seen"), salt="booking.seen", most=6, seconds=60 * 60)


def identified(request: HttpRequest, **address: Any) -> dict[str, Any] | HttpResponse:
    """Guard: a signed-in person; gives the view `person_id`, else redirects to identity."""
    session = signed_in(request)
    if session is None:
        return to_identity_and_back(request)
    return {"person_id": session.person_id, **address}


def may_book(request: HttpRequest, **address: Any) -> dict[str, Any] | HttpResponse:
    """Guard: a person who entered, or whose first dose a closure of the clinic cancelled.

    Gives the view `admission`, and as `stay` the one that limits the time.
    """
    stay = find_admission(request)
    if stay is not None:
        return {"admission": stay, "stay": stay, **address}
    session = signed_in(request)
    admission = courses.admission_after_closure(session.person_id) if session else None
    if admission is None:
        return not_inside(request)
    return {"admission": admission, "stay": None, **address}


def to_identity_and_back(request: HttpRequest) -> HttpResponse:
    """After a POST the way back is the confirm page: a redirect can't repeat the POST."""
    return to_identity(request.get_full_path() if request.method == "GET" else reverse("confirm"))


def reservations_in_session(
    request: HttpRequest, *, held: bool = False
) -> tuple[Session | None, list[Reservation]]:
    """The session of this request with the reservations it may see (services.in_session)."""
    claim = claim_of(request)
    if claim is None:
        return None, []
    session, reservations = reading.in_session(claim, held=held)
    set_session(request, session)
    return session, reservations


def own_reservation(request: HttpRequest, number: str) -> dict[str, Any] | HttpResponse:
    """Guard: the reservation's person, or a browser that looked it up with its phone.

    Gives the view `reservation` and all `reservations` of the same person. Everybody else is
    sent to the lookup, whether the number exists or not: the answer must not tell.
    """
    try:
        number = read(number, NUMBER_LETTERS)
    except UnreadableCode:
        raise Http404 from None
    _session, reservations = reservations_in_session(request)
    reservation = with_number(number, reservations)
    if reservation is None and number in looked_up.read(request):
        people = Reservation.objects.filter(number=number).values_list("person_id", flat=True)
        reservations = reading.reservations_of(people[0]) if people else []
        reservation = with_number(number, reservations)
    if reservation is None:
        return to_lookup(number)
    return {"reservation": reservation, "reservations": reservations}


def with_number(number: str, reservations: list[Reservation]) -> Reservation | None:
    return next((row for row in reservations if row.number == number), None)


def to_lookup(number: str) -> HttpResponse:
    return redirect(f"{reverse('lookup')}?{urlencode({'number': number})}")
