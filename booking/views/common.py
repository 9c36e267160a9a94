"""What the booking pages share: who is asking, and keeping what was typed when things break."""

from collections.abc import Callable
from functools import wraps

from django.core import signing
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from psycopg_pool import PoolTimeout

from booking import services
from booking.forms import NUMBER_LETTERS
from booking.models import Reservation
from eligibility.sessions import signed_in
from web.codes import UnreadableCode, read
from web.language import FIELD, asks_language, in_language, is_unsent

View = Callable[..., HttpResponse]
COOKIE = "jari_seen"
_SALT = "booking.seen"
SEEN_SECONDS = 60 * 60
MOST_SEEN = 6


def keeps_typed(view: View) -> View:
    """When the database is away, answer a page that holds what was typed and sends it again."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
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


def who_required(view: View) -> View:
    """Somebody who proved who they are: `request.person_id`."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        who = signed_in(request)
        if who is None:
            return to_identity(request.get_full_path() if request.method == "GET" else None)
        request.person_id = who.person_id
        return view(request, *args, **kwargs)

    return guarded


def to_identity(back_to: str | None = None) -> HttpResponse:
    back_to = back_to or reverse("confirm")
    return redirect(f"{reverse('identity')}?{urlencode({'next': back_to})}")


def seen(request: HttpRequest) -> list[str]:
    """The reservation numbers that were looked up with their phone in this browser."""
    try:
        found = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=SEEN_SECONDS)
    except signing.BadSignature:
        return []
    return found if isinstance(found, list) else []


def remember_seen(request: HttpRequest, response: HttpResponse, number: str) -> None:
    kept = [one for one in seen(request) if one != number]
    response.set_cookie(
        COOKIE,
        signing.dumps([number, *kept][:MOST_SEEN], salt=_SALT),
        max_age=SEEN_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )


def reservation_required(view: View) -> View:
    """The reservation with this number, for its person or whoever looked it up with its phone.

    Anybody else is asked to look it up: whether a number exists is not told.
    """

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, number: str, *args, **kwargs) -> HttpResponse:
        try:
            number = read(number, NUMBER_LETTERS)
        except UnreadableCode:
            raise Http404 from None
        who = signed_in(request)
        # All of this person's at once: the page shows them beside it.
        request.reservations = services.reservations_of(who.person_id) if who else []
        found = _with_number(number, request.reservations)
        if found is None and number in seen(request):
            other = Reservation.objects.filter(number=number).values_list("person_id", flat=True)
            request.reservations = [
                one for person_id in other for one in services.reservations_of(person_id)
            ]
            found = _with_number(number, request.reservations)
        if found is None:
            return to_lookup(number)
        return view(request, found, *args, **kwargs)

    return guarded


def _with_number(number: str, reservations: list[Reservation]) -> Reservation | None:
    return next((one for one in reservations if one.number == number), None)


def to_lookup(number: str) -> HttpResponse:
    return redirect(f"{reverse('lookup')}?{urlencode({'number': number})}")
