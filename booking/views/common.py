"""What the booking pages share: who is asking, and keeping what was typed when things break."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from psycopg_pool import PoolTimeout

from booking import services
from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from eligibility.sessions import signed_in, to_identity
from web.codes import UnreadableCode, read
from web.cookies import named
from web.language import FIELD, asks_language, in_language, is_unsent
from web.remembered import Remembered

View = Callable[..., HttpResponse]
# The reservation numbers that were looked up with their phone in this browser.
seen = Remembered(cookie=named("jari_seen"), salt="booking.seen", most=6, seconds=60 * 60)


def keeps_typed(view: View) -> View:
    """When the database is away, answer a page that holds what was typed and sends it again."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST" and asks_language(request):
            # Only the page of an outage asks this of a view that has no form of its own.
            return in_language(request, lambda: outage(request))
        try:
            return view(request, *args, **kwargs)
        except (OperationalError, InterfaceError, PoolTimeout):
            if request.method != "POST" and not is_unsent(request):
                raise
            return outage(request)

    return guarded


def outage(request: HttpRequest) -> HttpResponse:
    typed = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in ("csrfmiddlewaretoken", FIELD)
        for value in values
    ]
    again = request.get_full_path()
    context = {"typed": typed, "again": again, "typed_form": "again", "typed_at": again}
    response = render(request, "booking/outage.html", context, status=503)
    response["Retry-After"] = "10"
    response["Cache-Control"] = "no-store"
    return response


def known(request: HttpRequest, **address: Any) -> dict[str, Any] | HttpResponse:
    """A door for whoever proved who they are: the view's `person_id`."""
    who = signed_in(request)
    if who is None:
        return to_identity(
            request.get_full_path() if request.method == "GET" else reverse("confirm")
        )
    return {"person_id": who.person_id, **address}


def in_sight(request: HttpRequest, reservations: list[Reservation]) -> list[Reservation]:
    """Without what was booked before the person said yes to whoever acts for them."""
    who = signed_in(request)
    return [one for one in reservations if who is None or who.may_see(one.created_at)]


def own_reservation(request: HttpRequest, number: str) -> dict[str, Any] | HttpResponse:
    """A door for the reservation's person, and whoever looked it up with its phone.

    The view's `reservation`, and with it all `reservations` of the same person. Anybody else is
    asked to look it up: whether a number exists is not told.
    """
    try:
        number = read(number, NUMBER_LETTERS)
    except UnreadableCode:
        raise Http404 from None
    who = signed_in(request)
    reservations = in_sight(request, services.reservations_of(who.person_id)) if who else []
    reservation = _with_number(number, reservations)
    if reservation is None and number in seen.read(request):
        people = Reservation.objects.filter(number=number).values_list("person_id", flat=True)
        reservations = services.reservations_of(people[0]) if people else []
        reservation = _with_number(number, reservations)
    if reservation is None:
        return to_lookup(number)
    return {"reservation": reservation, "reservations": reservations}


def _with_number(number: str, reservations: list[Reservation]) -> Reservation | None:
    return next((row for row in reservations if row.number == number), None)


def to_lookup(number: str) -> HttpResponse:
    return redirect(f"{reverse('lookup')}?{urlencode({'number': number})}")
